//! Passwords that the hub makes up, for people who read them from a screen or a sheet of paper and
//! type them into a mail program once. `postroom user add` shows them.

use super::PasswordError;
use super::password::fill_random;

/// Characters of passwords that we make up: none that looks like another in print (0 O, 1 l I,
/// 2 z, 5 s).
const EASY: &[u8; 27] = b"abcdefghjkmnpqrtuvwxy346789";

/// Makes up a password that is easy to read out and to type: three groups of five characters, small
/// letters and digits without look-alikes, 71 bits.
///
/// # Errors
/// If the system gives no random numbers.
pub fn made_up_password() -> Result<String, PasswordError> {
    const GROUPS: usize = 3;
    const GROUP: usize = 5;
    let mut password = String::with_capacity(GROUPS * (GROUP + 1));
    for group in 0..GROUPS {
        if group > 0 {
            password.push('-');
        }
        for _ in 0..GROUP {
            password.push(easy_character()?);
        }
    }
    Ok(password)
}

/// One of [`EASY`], each as likely as the others.
fn easy_character() -> Result<char, PasswordError> {
    // The largest multiple of 27 that a byte can be below: beyond it some would be likelier.
    const FAIR: usize = 256 - 256 % EASY.len();
    loop {
        let mut byte = [0];
        fill_random(&mut byte)?;
        let [byte] = byte.map(usize::from);
        if let (true, Some(character)) = (byte < FAIR, EASY.get(byte % EASY.len())) {
            return Ok(char::from(*character));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn passwords_are_made_up_in_groups_without_look_alikes() {
        let passwords: Vec<_> = (0..200).map(|_| made_up_password().unwrap()).collect();
        for password in &passwords {
            let groups: Vec<_> = password.split('-').collect();
            assert_eq!(
                groups.iter().map(|group| group.len()).collect::<Vec<_>>(),
                [5, 5, 5]
            );
            assert!(
                !password.contains(|c| "0oO1lIi2zZ5sS".contains(c)),
                "{password}"
            );
        }
        assert_eq!(passwords.iter().collect::<HashSet<_>>().len(), 200);
        // Every character occurs: 3,000 draws miss one of 27 with a chance below 1e-48.
        let drawn: HashSet<_> = passwords
            .iter()
            .flat_map(|password| password.bytes())
            .collect();
        assert!(EASY.iter().all(|character| drawn.contains(character)));
        let bits = 15.0 * f64::from(u8::try_from(EASY.len()).unwrap()).log2();
        assert!(bits > 70.0);
    }
}
