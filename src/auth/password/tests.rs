use super::*;

const SALT_AND_HASH: &str = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

fn quick() -> Params {
    Params::new(8, 1, 1, None).unwrap()
}

#[test]
fn what_is_no_hash_is_refused_and_not_repeated() {
    for (text, expected) in [
        ("", "perhaps the password itself"),
        ("hunter2", "perhaps the password itself"),
        ("$hunter2", "perhaps the password itself"),
        ("$pa$sword", "perhaps the password itself"),
        ("$argon2id", "perhaps the password itself"),
        ("$6$salt$hash", "of the kind \"6\""),
        ("$2b$12$hash", "of the kind \"2b\""),
        (
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAA",
            "of the kind \"argon2i\"",
        ),
        ("$argon2id$", "cut off or altered"),
        (
            "$argon2id$v=19$m=19456,t=2,p=1",
            "the salt or the hash is missing",
        ),
        (
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "the salt or the hash is missing",
        ),
        (
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAA",
            "shorter than 16 octets",
        ),
        (
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$***",
            "cut off or altered",
        ),
    ] {
        let error = PasswordHash::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(
            !error.contains("hunter2") && !error.contains("\"pa\""),
            "{error}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_refused_or_can_be_verified(text in "(\\$argon2id\\$(v=19\\$)?)?[$,=a-zA-Z0-9+/]{0,80}") {
        if let Ok(hash) = PasswordHash::parse(&text) {
            proptest::prop_assert_eq!(hash.as_str(), text);
        }
    }

    #[test]
    fn small_hashes_of_every_shape_are_verified_or_refused(
        m in 0..200_u32, t in 0..3_u32, p in 0..30_u32, salt in 0..50_usize, output in 0..70_usize,
    ) {
        let base64 = data_encoding::BASE64_NOPAD;
        let (salt, output) = (base64.encode(&vec![1; salt]), base64.encode(&vec![2; output]));
        let text = format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${output}");
        if let Ok(hash) = PasswordHash::parse(&text) {
            proptest::prop_assert_eq!(hash.matches(b"x", &mut WorkingMemory::default()), Ok(false));
        }
    }
}

#[test]
fn costs_beyond_the_ceiling_are_refused() {
    for (parameters, accepted) in [
        ("m=19456,t=2,p=1", true),
        ("m=65536,t=3,p=4", true),
        ("m=65536,t=10,p=1", true),
        ("m=65537,t=2,p=1", false),
        ("m=19456,t=11,p=1", false),
        ("m=4294967295,t=4294967295,p=1", false),
        ("m=0,t=2,p=1", false),
        ("m=19456,t=0,p=1", false),
        ("m=19456,t=2,p=0", false),
        ("m=8,t=1,p=1000", false),
    ] {
        let text = format!("$argon2id$v=19${parameters}${SALT_AND_HASH}");
        assert_eq!(PasswordHash::parse(&text).is_ok(), accepted, "{parameters}");
    }
    for version in ["", "v=16$", "v=18$"] {
        let text = format!("$argon2id${version}m=19456,t=2,p=1${SALT_AND_HASH}");
        assert!(PasswordHash::parse(&text).is_err(), "{version}");
    }
}

#[test]
fn a_hash_of_another_program_is_verified_with_its_own_parameters() {
    // echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -e (the reference program)
    let text =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hash = PasswordHash::parse(text).unwrap();
    let mut memory = WorkingMemory::default();
    assert_eq!(hash.matches(b"password", &mut memory), Ok(true));
    assert_eq!(hash.matches(b"Password", &mut memory), Ok(false));
    assert!(!hash.has_our_parameters());
}

#[test]
fn a_hash_that_we_make_parses_and_matches_its_password_only() {
    let hash = hash_password("Grüße, Anna").unwrap();
    assert!(
        hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{}",
        hash.as_str()
    );
    let parsed = PasswordHash::parse(hash.as_str()).unwrap();
    assert_eq!(parsed, hash);
    assert!(parsed.has_our_parameters());
    let mut memory = WorkingMemory::default();
    assert_eq!(
        parsed.matches("Grüße, Anna".as_bytes(), &mut memory),
        Ok(true)
    );
    assert_eq!(
        parsed.matches("Grüße, anna".as_bytes(), &mut memory),
        Ok(false)
    );
    assert_eq!(parsed.matches(b"", &mut memory), Ok(false));
    assert_eq!(
        format!("{hash:?}"),
        "PasswordHash(argon2id, m=19456, t=2, p=1)"
    );
}

#[test]
fn equal_passwords_have_different_hashes_and_fingerprints() {
    let one = hash_password_with(quick(), "secret").unwrap();
    let other = hash_password_with(quick(), "secret").unwrap();
    assert_ne!(one, other);
    assert_ne!(one.fingerprint(), other.fingerprint());
    assert_eq!(
        one.fingerprint(),
        PasswordHash::parse(one.as_str()).unwrap().fingerprint()
    );
    assert_eq!(one.fingerprint().len(), 64);
}

#[test]
fn a_guess_for_nobody_takes_the_memory_of_one_for_a_user() {
    let hash = hash_password("secret").unwrap();
    let (mut for_user, mut for_nobody) = (WorkingMemory::default(), WorkingMemory::default());
    assert_eq!(hash.matches(b"guess", &mut for_user), Ok(false));
    assert_eq!(verify_nobody(b"guess", &mut for_nobody), Ok(()));
    assert_eq!(for_user.touched(), 19_456);
    assert_eq!(for_nobody.touched(), for_user.touched());
}

#[test]
fn passwords_that_no_mail_program_can_send_are_refused() {
    for blank in ["", "   ", "\u{a0}"] {
        assert_eq!(hash_password(blank), Err(PasswordError::Blank));
    }
    assert_eq!(hash_password("a\tb"), Err(PasswordError::ControlCharacter));
    assert_eq!(
        hash_password("secret\r\n"),
        Err(PasswordError::ControlCharacter)
    );
    let long = "x".repeat(MAX_PASSWORD + 1);
    assert_eq!(
        hash_password(&long),
        Err(PasswordError::TooLong { octets: 241 })
    );
    assert!(hash_password_with(quick(), &"x".repeat(MAX_PASSWORD)).is_ok());
    assert!(hash_password_with(quick(), " with spaces ").is_ok());
}

#[test]
fn a_hash_is_read_from_toml() {
    #[derive(Debug, Deserialize)]
    struct User {
        password: PasswordHash,
    }
    let hash = hash_password_with(quick(), "secret").unwrap();
    let text = format!("password = \"{}\"\n", hash.as_str());
    let user: User = toml::from_str(&text).unwrap();
    assert_eq!(user.password, hash);
    let error = toml::from_str::<User>("password = \"secret\"").unwrap_err();
    assert!(error.message().contains("postroom user passwd"), "{error}");
}
