//! The one id of a message, from receipt to removal.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use thiserror::Error;

/// Crockford's digits: no i, l, o, u, which people misread.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 13;
/// Low bits that count messages within one millisecond.
const COUNTER_BITS: u32 = 20;

/// Names a message in the log, in our Received line and on the command line.
///
/// 63 bits: milliseconds since 1970 and a counter, so that ids ascend with time
/// (the store's index grows at its end). Written as 13 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(u64);

/// The text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("“{0}” is not a message id; an id has 13 letters and digits, as in 0d8j6t7v3m0q2")]
pub struct IdError(String);

impl QueueId {
    /// The id as a number, always below 2^63.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The id of this number; the top bit is dropped.
    pub fn from_u64(number: u64) -> QueueId {
        QueueId(number & (u64::MAX >> 1))
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(LENGTH);
        for place in (0..LENGTH as u32).rev() {
            let digit = (self.0 >> (5 * place)) & 31;
            text.push(char::from(
                DIGITS.get(digit as usize).copied().unwrap_or(b'0'),
            ));
        }
        f.write_str(&text)
    }
}

impl FromStr for QueueId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<QueueId, IdError> {
        let error = || IdError(text.chars().take(40).collect());
        if text.len() != LENGTH {
            return Err(error());
        }
        let mut number: u64 = 0;
        for octet in text.bytes() {
            let wanted = octet.to_ascii_lowercase();
            let digit = DIGITS
                .iter()
                .position(|&digit| digit == wanted)
                .ok_or_else(error)?;
            number = number.checked_mul(32).ok_or_else(error)? | digit as u64;
        }
        if number > u64::MAX >> 1 {
            return Err(error());
        }
        Ok(QueueId(number))
    }
}

/// Makes ids, each greater than all before, whatever the clock does.
#[derive(Debug)]
pub struct QueueIds {
    last: Mutex<u64>,
}

impl QueueIds {
    /// Ids above `last`, the highest one that the store knows.
    pub fn starting_after(last: Option<QueueId>) -> QueueIds {
        QueueIds {
            last: Mutex::new(last.map_or(0, QueueId::as_u64)),
        }
    }

    /// A new id.
    pub fn next(&self, now: SystemTime) -> QueueId {
        let millis = now
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis() as u64;
        let by_clock = QueueId::from_u64(millis << COUNTER_BITS).as_u64();
        let mut last = match self.last.lock() {
            Ok(last) => last,
            Err(poisoned) => poisoned.into_inner(),
        };
        *last = by_clock.max(*last + 1);
        QueueId(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "1",
            "0000000000000a",
            "000000000000u",
            "zzzzzzzzzzzzz",
            "../../etc/pas",
        ] {
            assert!(text.parse::<QueueId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        for number in [
            0,
            1,
            31,
            32,
            1_795_000_000_000 << COUNTER_BITS,
            u64::MAX >> 1,
        ] {
            let id = QueueId::from_u64(number);
            assert_eq!(id.to_string().len(), LENGTH);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        }
    }

    #[test]
    fn ids_ascend_although_the_clock_goes_back() {
        let ids = QueueIds::starting_after(None);
        let now = UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let first = ids.next(now);
        let second = ids.next(now);
        let third = ids.next(now - Duration::from_secs(3600));
        assert!(first < second && second < third);
        let later = QueueIds::starting_after(Some(third)).next(UNIX_EPOCH);
        assert!(later > third);
    }
}
