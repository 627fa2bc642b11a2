// What the type checker can't know: which element of a template a selector finds, and what the browser tests read.

interface ParentNode {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
}

interface NonElementParentNode {
  getElementById(id: string): any;
}

interface Document {
  getElementById(id: string): any;
}

interface Element {
  closest(selectors: string): any;
}

interface HTMLFormControlsCollection {
  [name: string]: any;
}

interface Window {
  tracker: object; // for the browser tests
}

// The sentences of a page that is not in English: see base/translate.js.
declare var trackerSentences: { sentences: Record<string, string | string[]>; forms: Record<string, number> };
