use super::*;

struct Run {
    message: Vec<u8>,
    rest: Vec<u8>,
    ended: bool,
    fault: Option<LineFault>,
}

/// Decodes `wire` in pieces of `step` octets.
fn run(wire: &[u8], step: usize, framing: Framing, policy: BareLineFeed) -> Run {
    let mut decoder = ContentDecoder::new(framing, policy);
    let mut message = Vec::new();
    let mut used = 0;
    let mut ended = false;
    for piece in wire.chunks(step) {
        let decoded = decoder.decode(piece, &mut message);
        used += decoded.consumed;
        if decoded.ended {
            ended = true;
            break;
        }
    }
    if !ended {
        decoder.finish(&mut message);
    }
    Run {
        message,
        rest: wire[used..].to_vec(),
        ended,
        fault: decoder.fault(),
    }
}

fn data(wire: &[u8]) -> Run {
    let whole = run(wire, usize::MAX, Framing::Dots, BareLineFeed::Fault);
    for step in 1..4 {
        let cut = run(wire, step, Framing::Dots, BareLineFeed::Fault);
        assert_eq!(cut.message, whole.message, "cut at {step}");
        assert_eq!(cut.rest, whole.rest, "cut at {step}");
        assert_eq!(cut.fault, whole.fault, "cut at {step}");
    }
    whole
}

#[test]
fn no_other_spelling_than_crlf_dot_crlf_ends_the_data() {
    for smuggled in [
        &b"a\n.\nMAIL"[..],
        b"a\n.\r\nMAIL",
        b"a\r.\rMAIL",
        b"a\r\n.\rMAIL",
        b"a\r\n.\nMAIL",
        b"a\r\n.\r\r\nMAIL",
        b"a\r\n\0.\r\nMAIL",
        b"a\r\n.\0\r\nMAIL",
        b"a\r.\r\nMAIL",
    ] {
        let run = data(smuggled);
        assert!(!run.ended, "{:?}", smuggled.escape_ascii().to_string());
        assert!(run.message.ends_with(b"MAIL"));
    }
}

#[test]
fn the_end_may_come_at_once_and_commands_follow_it() {
    let run = data(b".\r\nQUIT\r\n");
    assert!(run.ended);
    assert_eq!(run.message, b"");
    assert_eq!(run.rest, b"QUIT\r\n");
}

#[test]
fn stuffed_dots_are_taken_off_at_line_starts_only() {
    let run = data(b"..a\r\nb..c\r\n...\r\n..\r\n.\r\n");
    assert_eq!(run.message, b".a\r\nb..c\r\n..\r\n.\r\n");
    assert_eq!(run.fault, None);
}

#[test]
fn the_first_fault_is_told_with_its_line() {
    let run = data(b"a\r\nb\nc\rd\r\n.\r\n");
    assert!(run.ended);
    assert_eq!(
        run.fault,
        Some(LineFault {
            kind: LineFaultKind::BareLineFeed,
            line: 2
        })
    );
    let run = data(b"a\r\r\n.\r\n");
    assert_eq!(
        run.fault,
        Some(LineFault {
            kind: LineFaultKind::BareCarriageReturn,
            line: 1
        })
    );
}

#[test]
fn a_line_feed_from_the_lan_becomes_crlf_and_never_the_end() {
    let wire = b"a\n.\nb\r\n.\r\n";
    let run = run(wire, 1, Framing::Dots, BareLineFeed::Repaired);
    assert!(run.ended);
    assert_eq!(run.message, b"a\r\n.\r\nb\r\n");
    assert_eq!(run.fault, None);
}

#[test]
fn nul_and_8_bit_octets_stay_as_they_are() {
    let run = data(b"a\0\xff\xc3\xbc\r\n.\r\n");
    assert_eq!(run.message, b"a\0\xff\xc3\xbc\r\n");
}

#[test]
fn counted_content_has_no_dots_to_take_off_and_no_end_of_its_own() {
    let run = run(b".\r\n..a\r\nb\r", 1, Framing::Counted, BareLineFeed::Fault);
    assert_eq!(run.message, b".\r\n..a\r\nb\r");
    assert_eq!(
        run.fault.map(|fault| fault.kind),
        Some(LineFaultKind::BareCarriageReturn)
    );
}
