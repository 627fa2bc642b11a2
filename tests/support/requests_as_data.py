"""Requests as bytes, with the answer to each: correct requests, and ambiguous ones."""

HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def line(text: bytes) -> bytes:
    """Return a request with this line."""
    return text + b"\r\n" + HOST + b"\r\n"


def host(value: bytes) -> bytes:
    """Return a request for this host."""
    return b"GET /healthz HTTP/1.1\r\nHost: " + value + b"\r\n\r\n"


def field(text: bytes) -> bytes:
    """Return a request with this line among its fields."""
    return b"GET /healthz HTTP/1.1\r\n" + HOST + text + b"\r\n\r\n"


def body(fields: bytes, data: bytes = b"") -> bytes:
    """Return a POST with these fields and this body."""
    return POST + fields + b"\r\n\r\n" + data


REFUSED: dict[str, tuple[bytes, int]] = {
    # the request line
    "empty method": (line(b" / HTTP/1.1"), 400),
    "method in quotes": (line(b'"GET" / HTTP/1.1'), 400),
    "method with a bracket": (line(b"GET( / HTTP/1.1"), 400),
    "method with a colon": (line(b"GET: / HTTP/1.1"), 400),
    "method with NUL": (line(b"GET\0 / HTTP/1.1"), 400),
    "method with obs-text": (line(b"G\xcbT / HTTP/1.1"), 400),
    "method of another case": (line(b"get / HTTP/1.1"), 400),
    "space before the method": (line(b" GET / HTTP/1.1"), 400),
    "two spaces": (line(b"GET  / HTTP/1.1"), 400),
    "space at the end": (line(b"GET / HTTP/1.1 "), 400),
    "space in the target": (line(b"GET /a b HTTP/1.1"), 400),
    **{
        f"line split at {at!r}": (line(b"GET" + at + b"/" + at + b"HTTP/1.1"), 400)
        for at in (b"\t", b"\r", b"\n", b"\v", b"\f", b"\0", b"\x1c", b"\x85", b"\xa0", b"\xe2\x80\xa8")
    },
    **{
        f"version split at {at!r}": (line(b"GET /" + at + b"HTTP/1.1"), 400)
        for at in (b"\t", b"\r", b"\n", b"\v", b"\f", b"\0", b"\xa0")
    },
    **{
        f"version {version.decode()}": (line(b"GET /healthz " + version), 400)
        for version in (
            *(b"HTTP/0.9", b"HTTP/1.10", b"HTTP/1.+1", b"HTTP/1.2", b"HTTP/01.1", b"HTTP/1.1x", b"HTTP/2"),
            *(b"HTTP/1", b"HTTP/", b"http/1.1", b"HTTP/2.0", b"HTTP/1 .1", b"HTTP/-1.1", b"HTTP/1.1_0"),
            *(b"HTTP/1.", b"HTTP/.1", b"XHTTP/1.1", b"HTTPS/1.1", b"ICAP/1.0", b"HTTP/1,1", b"HTTP/11"),
        )
    },
    "no version": (b"GET /healthz\r\n" + HOST + b"\r\n", 400),
    "line alone": (b"GET\r\n\r\n", 400),
    "hello of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "two empty lines before": (b"\r\n\r\n" + line(b"GET / HTTP/1.1"), 400),
    "LF before": (b"\n" + line(b"GET / HTTP/1.1"), 400),
    "line too long": (line(b"GET /" + b"a" * 9000 + b" HTTP/1.1"), 414),
    # the target
    **{
        f"target {target!r}": (line(b"GET " + target + b" HTTP/1.1"), 400)
        for target in (
            *(b"nope", b"?x", b"*", b"h:80", b"#", b"/#f", b"/a#f", b"/\0", b"/a\x7f", b"/\x80", b"/\xff"),
            *(b"http://", b"http:///x", b"http:/x", b"ftp://127.0.0.1/", b"http://u@127.0.0.1/", b"//\\"),
            *(b"http://127.0.0.1:99999/", b"http://a b/", b"http://a..b/", b"http://[::1/", b"http://a:b:c/"),
            *(b"/%", b"/%g0", b"/%0", b'/"', b"/<", b"/{", b"/a|b", b"/^", b"/[", b"/\\", b"/`", b"/?a#b"),
            *(b"/?\x80", b'/?"', b"/?<", b"http://127.0.0.1#f", b"http:127.0.0.1", b"://127.0.0.1/"),
        )
    },
    "CONNECT": (b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", 400),
    "CONNECT to a path": (line(b"CONNECT /healthz HTTP/1.1"), 400),
    # the host
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "absolute without host": (b"GET http://127.0.0.1/healthz HTTP/1.1\r\n\r\n", 400),
    "absolute with a bad host": (b"GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "two hosts": (b"GET /healthz HTTP/1.1\r\n" + HOST * 2 + b"\r\n", 400),
    "two hosts of other case": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"hOST: 127.0.0.1\r\n\r\n", 400),
    **{
        f"host {value!r}": (host(value), 400)
        for value in (
            *(
                b"",
                b".",
                b"..",
                b"a..b",
                b".a",
                b"a" * 64,
                b"a" * 300,
                b".".join([b"a" * 60] * 5),
                b"-a",
                b"a-",
            ),
            *(
                b"127.0.0.1 ,a",
                b"a b",
                b"a,b",
                b"a, b",
                b"u@a",
                b"u:p@a",
                b"a@",
                b"@a",
                b"a:80:80",
                b"a:80, b",
            ),
            *(
                b"a:",
                b"a:x",
                b"a:99999",
                b"a:+80",
                b"a:-1",
                b"a:0",
                b"a:080",
                b"a:80 80",
                b"a/b",
                b"a?b",
                b"a#b",
            ),
            *(b"[::1", b"::1", b"[::1]x", b"[::1]]", b"[::g]", b"[]", b"[::1]:", b"[v1.a]", b"[::1%25lo]"),
            *(
                b"a\\b",
                b"http://a",
                b"a%00",
                b"%61",
                b"a_b",
                b"a\tb",
                b"a\0",
                b"\xe4",
                b"a\x7f",
                b'"a"',
                b"(a)",
            ),
        )
    },
    # fields
    "no colon": (field(b"X-Field"), 400),
    "no name": (field(b": a"), 400),
    "space before the colon": (field(b"X-Field : a"), 400),
    "tab before the colon": (field(b"X-Field\t: a"), 400),
    "length with a space before the colon": (body(b"Content-Length : 1", b"x"), 400),
    "folded": (field(b"X-Field: a\r\n b"), 400),
    "folded by a tab": (field(b"X-Field: a\r\n\tb"), 400),
    "folded at the first": (b"GET / HTTP/1.1\r\n Host: 127.0.0.1\r\n\r\n", 400),
    "tab before the first": (b"GET / HTTP/1.1\r\n\tContent-Length: 1\r\n" + HOST + b"\r\nx", 400),
    "bare CR": (field(b"X-Field: a\rb"), 400),
    "bare CR at the end": (field(b"X-Field: a\r"), 400),
    "bare LF": (field(b"X-Field: a\nX-Other: b"), 400),
    "CR before the colon": (field(b"X-Field\r: a"), 400),
    "lines that end with LF": (b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    "line that ends with LF": (b"GET / HTTP/1.1\n" + HOST + b"\r\n", 400),
    "end by LF": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\n\r\n", 400),
    "end by LF CR LF": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\n\r\n\r\n", 400),
    **{
        f"{character!r} in a value": (field(b"X-Field: a" + character + b"b"), 400)
        for character in (b"\0", b"\x01", b"\b", b"\v", b"\f", b"\x1b", b"\x1f", b"\x7f")
    },
    **{
        f"{character!r} in a name": (field(b"X" + character + b"Field: a"), 400)
        for character in (
            b"\0",
            b" ",
            b"\t",
            b"\v",
            b"(",
            b")",
            b"<",
            b"@",
            b",",
            b";",
            b"\\",
            b'"',
            b"/",
            b"[",
            b"?",
            b"=",
            b"{",
            b"\x7f",
            b"\x80",
            b"\xef",
            b"\xff",
        )
    },
    "many fields": (field(b"\r\n".join(b"X-%d: y" % number for number in range(200))), 431),
    "long field": (field(b"X-Long: " + b"y" * 40_000), 431),
    "long fields": (field(b"\r\n".join(b"X-%d: %s" % (number, b"y" * 900) for number in range(60))), 431),
    # where the body ends
    **{
        f"length {value!r}": (body(b"Content-Length: " + value, b"0123456789"), 400)
        for value in (
            *(
                b"",
                b"+5",
                b"-5",
                b"-0",
                b"1_0",
                b"0x5",
                b"5.0",
                b"5 5",
                b"5, 5",
                b"5,5",
                b"5;",
                b"'5'",
                b"1e1",
            ),
            *(b"\xb2", b"\xd9\xa5", b"9" * 19, b"9" * 5000, b"five", b"5\t5", b"5\v", b"\xa05"),
        )
    },
    "two lengths": (body(b"Content-Length: 5\r\nContent-Length: 6", b"012345"), 400),
    "one length twice": (body(b"Content-Length: 5\r\nContent-Length: 5", b"01234"), 400),
    "length and chunks": (body(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), 400),
    "chunks and length": (body(b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"), 400),
    **{
        f"coding {value!r}": (body(b"Transfer-Encoding: " + value, b"0\r\n\r\n"), 400)
        for value in (
            *(b"", b"gzip", b"identity", b"xchunked", b"chunkedx", b"chunked, chunked", b"gzip, chunked"),
            *(
                b"chunked, gzip",
                b"chunked;q=1",
                b"chunked,",
                b",chunked",
                b'"chunked"',
                b"chunked\vx",
                b"c hunked",
            ),
            *(b"chunked\xa0", b"\x0bchunked", b"ch\xfcnked", b"chunked identity"),
        )
    },
    "coding twice": (body(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), 400),
    "coding of two lines": (
        body(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n"),
        400,
    ),
    "coding folded": (body(b"Transfer-Encoding:\r\n chunked", b"0\r\n\r\n"), 400),
    "chunks by HTTP/1.0": (
        b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "GET with a body": (field(b"Content-Length: 5"), 400),
    "HEAD with a body": (field(b"Content-Length: 5").replace(b"GET", b"HEAD"), 400),
    "GET with chunks": (field(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "two types": (body(b"Content-Type: text/plain\r\nContent-Type: text/html\r\nContent-Length: 0"), 400),
    "two authorizations": (field(b"Authorization: Bearer a\r\nAuthorization: Bearer b"), 400),
    "two origins": (field(b"Origin: http://a\r\nOrigin: http://b"), 400),
    # chunks
    **{
        f"chunk {data!r}": (CHUNKED + data + b"\r\n\r\n0\r\n\r\n", 400)
        for data in (
            *(b"g\r\nx", b"\r\n", b" 1\r\nx", b"1 \r\nx", b"\t1\r\nx", b"+1\r\nx", b"-1\r\nx", b"0x1\r\nx"),
            *(b"0_1\r\nx", b"1_0\r\nx", b"1.0\r\nx", b"\xb2\r\nx", b"1,\r\nx", b"1h\r\nx", b"'1'\r\nx"),
            *(b"0" * 17 + b"1\r\nx", b"f" * 16 + b"\r\nx", b"f" * 17 + b"\r\nx", b";a=b\r\nx"),
            *(b"1\nx", b"1\rx", b"1\n\rx", b"1\r\rx\r\n", b"1\r\nx\n0\r\n", b"1\r\nx\r0\r\n", b"1\r\nx0\r\n"),
            *(b"1\r\nxy", b"2\r\nx", b"1;\r\nx", b"1;;a\r\nx", b"1;=\r\nx", b"1;a=\r\nx", b"1;a b\r\nx"),
            *(
                b"1;a=b c\r\nx",
                b'1;a="\r\nx',
                b'1;a="b"c\r\nx',
                b'1;a="b\r\n"\r\nx',
                b"1;a=b=c\r\nx",
                b"1 a\r\nx",
            ),
            *(
                b"1;a\nb\r\nx",
                b"1;\n\r\nx",
                b"1;a\0\r\nx",
                b"1;a=\0\r\nx",
                b'1;a="\0"\r\nx',
                b'1;a="\n"\r\nx',
            ),
            *(b"1;a\rb\r\nx", b"1;a\x7f\r\nx", b"1;a=b,c\r\nx", b"1;\xe4\r\nx", b"1;a;\r\nx", b"1\0\r\nx"),
        )
    },
    **{
        f"trailer {data!r}": (CHUNKED + b"0\r\n" + data + b"\r\n\r\n", 400)
        for data in (
            *(
                b"no colon",
                b": no name",
                b"a : b",
                b" a: b",
                b"a: b\r\n c",
                b"a: \0",
                b"a: b\nc: d",
                b"a: b\rc: d",
            ),
            *(b"a\0: b", b"@: b", b"a: b\n", b"a: \x7f", b"a", b"\n", b"0", b"GET / HTTP/1.1", b"\xe4: b"),
        )
    },
    "last chunk of LF": (CHUNKED + b"0\n\n\r\n\r\n", 400),
    "trailer ends with LF": (CHUNKED + b"0\r\n\n\r\n\r\n", 400),
    "last chunk with CR": (CHUNKED + b"0\r\r\n\r\n\r\n", 400),
    # too many or too long
    "long extension": (CHUNKED + b"1;" + b"a" * 5000 + b"\r\nx\r\n0\r\n\r\n", 413),
    "long trailer": (CHUNKED + b"0\r\na:" + b"b" * 5000 + b"\r\n\r\n", 413),
    "many trailers": (CHUNKED + b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n", 413),
    "many extensions": (CHUNKED + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 20 + b"0\r\n\r\n", 413),
    "many small chunks": (CHUNKED + b"1\r\nx\r\n" * 14_000 + b"0\r\n\r\n", 413),
}

# Method, path, query, host and body of the accepted requests.
Read = tuple[str, str, str, str | None, bytes]
HERE = "127.0.0.1"
TAKEN: dict[str, tuple[bytes, Read]] = {
    "plain": (line(b"GET /healthz HTTP/1.1"), ("GET", "/healthz", "", HERE, b"")),
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", ("GET", "/healthz", "", None, b"")),
    "empty line before": (b"\r\n" + line(b"GET / HTTP/1.1"), ("GET", "/", "", HERE, b"")),
    "query": (line(b"GET /a?b=c?d&e HTTP/1.1"), ("GET", "/a", "b=c?d&e", HERE, b"")),
    "empty query": (line(b"GET /a? HTTP/1.1"), ("GET", "/a", "", HERE, b"")),
    "all of a path": (
        line(b"GET /A-._~!$&'()*+,;=:@/%2f%C3%A4//z HTTP/1.1"),
        ("GET", "/A-._~!$&'()*+,;=:@/%2f%C3%A4//z", "", HERE, b""),
    ),
    "what browsers leave in a query": (
        line(b"GET /?a=[b]{c}|d\\^`100% HTTP/1.1"),
        ("GET", "/", "a=[b]{c}|d\\^`100%", HERE, b""),
    ),
    "odd method": (line(b"M!#$%&'*+.^_`|~ / HTTP/1.1"), ("M!#$%&'*+.^_`|~", "/", "", HERE, b"")),
    "absolute": (
        b"GET http://map.example.org:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n",
        ("GET", "/a", "b", "map.example.org:80", b""),
    ),
    "absolute by TLS": (line(b"GET HTTPS://[::1]/ HTTP/1.1"), ("GET", "/", "", "[::1]", b"")),
    "absolute without path": (line(b"GET http://127.0.0.1 HTTP/1.1"), ("GET", "/", "", HERE, b"")),
    "absolute with query alone": (line(b"GET http://127.0.0.1?a/b HTTP/1.1"), ("GET", "/", "a/b", HERE, b"")),
    "asterisk": (line(b"OPTIONS * HTTP/1.1"), ("OPTIONS", "*", "", HERE, b"")),
    **{
        f"host {value}": (host(value.encode()), ("GET", "/healthz", "", value, b""))
        for value in (
            *("a", "a-b.example", "xn--9ca.example:8000", "127.0.0.1:65535", "[::1]", "[2001:db8::1]:8000"),
            *("1.2.3", "a.example.", "A.Example", "[::ffff:1.2.3.4]", "a" * 63, "0a"),
        )
    },
    "space around a value": (field(b"X-Field: \t a \t "), ("GET", "/healthz", "", HERE, b"")),
    "empty value": (field(b"X-Field:"), ("GET", "/healthz", "", HERE, b"")),
    "obs-text": (field(b"X-Field: \x80\xff"), ("GET", "/healthz", "", HERE, b"")),
    "every character of a name": (
        field(b"!#$%&'*+-.^_`|~09azAZ: a"),
        ("GET", "/healthz", "", HERE, b""),
    ),
    "two cookies": (field(b"Cookie: a=b\r\nCookie: c=d"), ("GET", "/healthz", "", HERE, b"")),
    "length": (body(b"Content-Length: 3", b"abc"), ("POST", "/nowhere", "", HERE, b"abc")),
    "length with zeros": (body(b"Content-Length: 003", b"abc"), ("POST", "/nowhere", "", HERE, b"abc")),
    "length of nothing": (field(b"Content-Length: 0"), ("GET", "/healthz", "", HERE, b"")),
    "upgrade is no end of a body": (
        body(b"Connection: upgrade\r\nContent-Length: 3", b"abc"),
        ("POST", "/nowhere", "", HERE, b"abc"),
    ),
    **{
        f"chunks {data!r}": (CHUNKED + data, ("POST", "/nowhere", "", HERE, b"abc"))
        for data in (
            b"3\r\nabc\r\n0\r\n\r\n",
            b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
            b"0000000003\r\nabc\r\n000\r\n\r\n",
            b"3;a\r\nabc\r\n0\r\n\r\n",
            b"3;a=b;c\r\nabc\r\n0;d=e\r\n\r\n",
            b'3;a="b;\\"\t c\\\\"\r\nabc\r\n0\r\n\r\n',
            b"3 ; a = b\t;c\r\nabc\r\n0\r\n\r\n",
            b"3\r\nabc\r\n0\r\nA: b\r\nTransfer-Encoding:\r\n\r\n",
        )
    },
    "capital coding": (body(b"transfer-encoding: Chunked", b"A\r\n0123456789\r\n0\r\n\r\n"), (
        "POST", "/nowhere", "", HERE, b"0123456789")),
}  # fmt: skip
