//! What a refused log-in is called: the words of real servers.

use crate::fetch::{
    Capabilities, Credentials, Error, PasswordMethod, Refusal, Remedy, ResponseCode, Secret,
    Security, TokenLine,
};

fn password() -> Credentials {
    Credentials::Password {
        password: Secret::new("secret"),
        method: PasswordMethod::Offered,
    }
}

fn of(text: &str, security: Security, credentials: &Credentials) -> Error {
    let code = match text.split(']').next() {
        Some("[AUTH") => Some(ResponseCode::Auth),
        Some("[IN-USE") => Some(ResponseCode::InUse),
        Some("[LOGIN-DELAY") => Some(ResponseCode::LoginDelay),
        Some("[SYS/TEMP") => Some(ResponseCode::SysTemp),
        Some("[SYS/PERM") => Some(ResponseCode::SysPerm),
        _ => None,
    };
    let refusal = Refusal {
        code,
        text: text.to_owned(),
    };
    let capabilities = Capabilities {
        login_delay: Some(std::time::Duration::from_secs(300)),
        ..Capabilities::default()
    };
    let detail = "{\"status\":\"401\"}".to_owned();
    super::super::refusal::of_log_in(refusal, detail, security, credentials, &capabilities)
}

fn check(text: &str, expected: &str, remedy: Remedy) {
    let error = of(text, Security::Clear, &password());
    assert!(
        format!("{error:?}").starts_with(expected),
        "{text}: {error:?}"
    );
    assert_eq!(error.remedy(), remedy, "{text}");
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
fn a_refusal_is_called_what_it_is() {
    let administrator = Remedy::Administrator;
    check(
        "[AUTH] Authentication failed.",
        "LoginRefused",
        administrator,
    );
    check(
        "[AUTH] Username and password not accepted.",
        "LoginRefused",
        administrator,
    );
    check(
        "Logon failure: unknown user name or bad password.",
        "LoginRefused",
        administrator,
    );
    check(
        "[IN-USE] Mailbox is locked by another session",
        "MailboxLocked",
        Remedy::Wait,
    );
    check(
        "[IN-USE] maildrop already open",
        "MailboxLocked",
        Remedy::Wait,
    );
    check(
        "Unable to lock maildrop: mailbox is locked by POP server",
        "MailboxLocked",
        Remedy::Wait,
    );
    check(
        "[SYS/TEMP] Internal login failure.",
        "Temporary",
        Remedy::Wait,
    );
    check(
        "Temporary failure, try again later",
        "Temporary",
        Remedy::Wait,
    );
    check("[SYS/PERM] Account disabled", "Permanent", administrator);
    check(
        "[AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
        "TlsWanted",
        administrator,
    );
    check(
        "Basic authentication is disabled.",
        "OAuth2Wanted",
        administrator,
    );
    let minutes = std::time::Duration::from_secs(300);
    check(
        "[LOGIN-DELAY] too soon",
        "TooSoon",
        Remedy::WaitAtLeast(minutes),
    );
}

#[test]
fn a_refused_token_is_no_wrong_password() {
    let credentials = Credentials::XOAuth2 {
        token_line: TokenLine::Own,
    };
    let error = of("Authentication failure", Security::Tls, &credentials);
    let text = error.to_string();
    assert!(
        text.contains("token_command") && text.contains("401"),
        "{text}"
    );
    let error = of("[SYS/TEMP] busy", Security::Tls, &credentials);
    assert!(matches!(error, Error::Temporary(_)));
}
