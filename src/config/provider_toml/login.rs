//! Whom to trust as the provider's server, and how to log in.

use std::sync::Arc;

use toml::Spanned;

use super::{ProviderSection, Reader};
use crate::config::error::ConfigurationError;
use crate::config::provider_values::Method;
use crate::config::secrets;
use crate::config::settings::ProviderNotes;
use crate::config::values::Text;
use crate::fetch::{PasswordMethod, Secret, Security, TokenLine};
use crate::net::fetcher::Login;
use crate::net::tls::TrustedRoots;

impl Reader<'_> {
    pub(super) fn trust(
        &self,
        section: &ProviderSection,
        security: Security,
        notes: &mut ProviderNotes,
    ) -> Result<TrustedRoots, ConfigurationError> {
        let without_tls = "means nothing with tls = \"none\"; remove it, or set tls to \"implicit\" \
                           or \"starttls\"";
        match (&section.ca, &section.fingerprint) {
            (Some(ca), _) if security == Security::Clear => Err(self.fault(ca, without_tls)),
            (_, Some(pin)) if security == Security::Clear => Err(self.fault(pin, without_tls)),
            (Some(_), Some(pin)) => {
                let message = "there is a ca already, and one of the two decides; remove the other";
                Err(self.fault(pin, message))
            }
            (None, Some(pin)) => Ok(TrustedRoots::Pinned(pin.get_ref().0)),
            (Some(ca), None) => {
                let file = self.around.folder.join(&ca.get_ref().0);
                let pem = secrets::read_certificates(&file);
                let pem = pem.map_err(|why| self.fault_at(ca, format!("ca: {why}")))?;
                notes.files.push(file);
                Ok(TrustedRoots::Pem(pem))
            }
            (None, None) => Ok(TrustedRoots::System),
        }
    }

    pub(super) fn login(
        &self,
        section: &ProviderSection,
        notes: &mut ProviderNotes,
    ) -> Result<Login, ConfigurationError> {
        let one = "one of password_file, password and token_command is enough; remove the others";
        let method = section.method.as_ref();
        let method_name = method.map_or(Method::Auto, |method| method.get_ref().0);
        match (
            &section.password_file,
            &section.password,
            &section.token_command,
        ) {
            (Some(_), Some(second), _) => Err(self.fault_at(second, one)),
            (Some(_), _, Some(second)) | (_, Some(_), Some(second)) => {
                Err(self.fault_at(second, one))
            }
            (None, None, None) => Err(self.missing(
                "password_file",
                "the file that holds the password, or write password or token_command",
                "\"secrets/main\"",
            )),
            (None, None, Some(command)) => self.token(command, method, method_name),
            (Some(file), None, None) => {
                let path = self.around.folder.join(&file.get_ref().0);
                let method = self.password_method(method, method_name)?;
                let password = secrets::read_password(&path);
                let password =
                    password.map_err(|why| self.fault_at(file, format!("password_file: {why}")))?;
                notes.files.push(path.clone());
                notes.secrets.push(path);
                Ok(password_login(password, method))
            }
            (None, Some(password), None) => {
                let method = self.password_method(method, method_name)?;
                let octets = password.get_ref().as_bytes();
                if !secrets::is_usable(octets) {
                    let message = "password: expected a text in one line, and not an empty one";
                    return Err(self.fault_at(password, message));
                }
                notes.has_password = true;
                Ok(password_login(octets.to_vec(), method))
            }
        }
    }

    fn password_method(
        &self,
        written: Option<&Spanned<Text<Method>>>,
        method: Method,
    ) -> Result<PasswordMethod, ConfigurationError> {
        match (method, written) {
            (Method::XOAuth2 | Method::XOAuth2Initial, Some(written)) => {
                let message = "this takes a token instead of a password; set token_command to a \
                               command that prints one";
                Err(self.fault(written, message))
            }
            (Method::User, _) => Ok(PasswordMethod::UserPass),
            (Method::Apop, _) => Ok(PasswordMethod::Apop),
            (Method::Plain, _) => Ok(PasswordMethod::Plain),
            (Method::Auto | Method::XOAuth2 | Method::XOAuth2Initial, _) => {
                Ok(PasswordMethod::Offered)
            }
        }
    }

    fn token(
        &self,
        command: &Spanned<String>,
        written: Option<&Spanned<Text<Method>>>,
        method: Method,
    ) -> Result<Login, ConfigurationError> {
        let line = match (method, written) {
            (Method::User | Method::Apop | Method::Plain, Some(written)) => {
                let message = "this takes a password, and token_command prints a token; expected \
                               auto, xoauth2 or xoauth2-initial";
                return Err(self.fault(written, message));
            }
            (Method::XOAuth2Initial, _) => TokenLine::Initial,
            _ => TokenLine::Own,
        };
        let text = command.get_ref().trim();
        if text.is_empty() || text.contains('\0') {
            let message = "token_command: expected a command that prints a token";
            return Err(self.fault_at(command, message));
        }
        Ok(Login::Token {
            command: text.to_string(),
            line,
        })
    }
}

fn password_login(password: Vec<u8>, method: PasswordMethod) -> Login {
    Login::Password {
        password: Arc::new(Secret::new(password)),
        method,
    }
}
