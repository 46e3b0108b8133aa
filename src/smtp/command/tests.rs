use super::*;

#[test]
fn what_is_wrong_with_a_line_is_told() {
    use CommandError::*;
    for (line, expected) in [
        (&b""[..], Unknown),
        (b" NOOP", Unknown),
        (b"NOOPS", Unknown),
        (b"GET / HTTP/1.1", WebRequest),
        (b"CONNECT post:25 HTTP/1.0", WebRequest),
        (b"NOOP\0", ControlOctet),
        (b"RSET\rDATA", ControlOctet),
        (b"MAIL FROM:<a@b\r>", ControlOctet),
        (
            b"MAIL TO:<a@b>",
            Usage("MAIL FROM:<address> or MAIL FROM:<>"),
        ),
        (b"RCPT TO:", Usage("RCPT TO:<address>")),
        (b"MAIL FROM:<a>", Sender(AddressError::NoDomain)),
        (b"RCPT TO:<@b>", Recipient(AddressError::NoLocalPart)),
        (b"MAIL FROM:<a@b> SIZE=1x", ParameterSyntax("SIZE")),
        (
            b"MAIL FROM:<a@b> SIZE=123456789012345678901",
            ParameterSyntax("SIZE"),
        ),
        (
            b"MAIL FROM:<a@b> SMTPUTF8 SMTPUTF8",
            ParameterSyntax("SMTPUTF8"),
        ),
        (b"MAIL FROM:<a@b> BODY", ParameterSyntax("BODY")),
        (b"MAIL FROM:<a@b> body=binarymime", BinaryMime),
        (b"MAIL FROM:<a@b> X", ParameterUnknown),
        (b"RCPT TO:<a@b> X", ParameterUnknown),
        (b"MAIL FROM:<\xff@b> SMTPUTF8", NeedsUtf8),
        (b"BDAT", ChunkSize),
        (b"BDAT LAST", ChunkSize),
        (b"BDAT 18446744073709551616", ChunkSize),
        (b"BDAT 0x10", ChunkSize),
        (b"BDAT 7 LAST LAST", ChunkArguments(7)),
        (b"BDAT 7 \0", ChunkArguments(7)),
    ] {
        assert_eq!(parse(line), Err(expected), "{}", line.escape_ascii());
    }
}

#[test]
fn commands_are_read_in_any_case_with_space_behind() {
    for (line, expected) in [
        (&b"noop  "[..], Command::Noop),
        (b"DaTa ", Command::Data),
        (b"EHLO", Command::Ehlo(String::new())),
        (b"HELO  a b\0", Command::Helo("a b?".to_string())),
        (b"HELO \xff", Command::Helo("\u{fffd}".to_string())),
        (
            b"BDAT 18446744073709551615",
            Command::Bdat(Chunk {
                octets: u64::MAX,
                last: false,
            }),
        ),
        (
            b"bdat\t007  last",
            Command::Bdat(Chunk {
                octets: 7,
                last: true,
            }),
        ),
    ] {
        assert_eq!(parse(line), Ok(expected), "{}", line.escape_ascii());
    }
}

#[test]
fn parameters_of_mail_are_read() {
    let line = b"MAIL FROM:<> size=00000000000000000007 smtputf8 Body=8BitMime";
    let parameters = MailParameters {
        size: Some(7),
        utf8: true,
    };
    assert_eq!(
        parse(line),
        Ok(Command::Mail(ReversePath::Null, parameters))
    );
}
