//! Messages that are too large: they stay, and whom they are for is told once.

use super::super::plan::Wanted;
use super::Polling;
use crate::delivery::TooLarge;
use crate::journal;
use crate::mail::HeaderBlock;
use crate::store::{FetchedId, FetchedKind, KnownMessage, Moment};

impl Polling<'_> {
    /// LIST does not say that it is too large, so the size in LIST is not noted:
    /// else the next poll would take the limit for raised.
    pub(super) async fn turned_out_too_large(
        &mut self,
        wanted: Wanted,
        headers: &HeaderBlock,
        octets: u64,
    ) {
        self.report.oversized += 1;
        let wanted = Wanted {
            octets: None,
            ..wanted
        };
        self.tell_too_large(&wanted, Some(headers), Some(octets))
            .await;
    }

    /// Somebody was told of the message under this unique-id: if this is another
    /// one by now, or the limit has changed, the next poll reads it.
    pub(super) async fn look_again(
        &mut self,
        wanted: &Wanted,
        known: &KnownMessage,
        headers: &HeaderBlock,
    ) {
        let too_large = TooLarge {
            headers: Some(headers),
            octets: None,
            max_message_size: self.provider.max_message_size,
        };
        if too_large.digest_beyond_list() == known.digest {
            return;
        }
        let octets = wanted.octets.or(Some(0));
        let store = self.around.store;
        let recognised = store.recognise(known.record, wanted.unique_id.clone(), octets);
        if let Err(why) = recognised.await {
            journal::store_failed("noting a message that is too large", &why);
            self.failed.get_or_insert(why);
        }
    }

    /// Somebody was told of the message under another unique-id. Each record is
    /// one message.
    async fn recognise_told(&mut self, record: FetchedId, digest: [u8; 32], wanted: &Wanted) {
        if let Some(lost) = self.lost.get_mut(&digest) {
            lost.retain(|lost| lost.record != record);
        }
        let store = self.around.store;
        let recognised = store.recognise(record, wanted.unique_id.clone(), wanted.octets);
        if let Err(why) = recognised.await {
            journal::store_failed("noting a message that is too large", &why);
            self.failed.get_or_insert(why);
        }
    }

    /// Tells the addressee of a message that stays because of its size.
    pub(super) async fn tell_too_large(
        &mut self,
        wanted: &Wanted,
        headers: Option<&HeaderBlock>,
        octets: Option<u64>,
    ) {
        let too_large = TooLarge {
            headers,
            octets,
            max_message_size: self.provider.max_message_size,
        };
        let digest = match wanted.octets {
            Some(_) => too_large.digest(),
            None => too_large.digest_beyond_list(),
        };
        let mut told = self.lost.get(&digest).into_iter().flatten();
        let told = told.find(|lost| lost.kind == FetchedKind::Notice);
        let told = told.map(|lost| lost.record);
        match (told, &wanted.unique_id) {
            (Some(_), None) => return,
            // A size alone proves nothing.
            (Some(record), Some(_)) if headers.is_some() => {
                return self.recognise_told(record, digest, wanted).await;
            }
            _ => {}
        }
        let mark = self.mark(wanted, FetchedKind::Notice, digest);
        let directory = self.around.directory.now();
        let told = too_large.tell(
            self.around.store,
            &self.origin,
            &directory,
            mark,
            Moment::now(),
        );
        if let Err(why) = told.await {
            journal::store_failed("telling of a message that is too large", &why);
            self.failed.get_or_insert(why);
        }
    }
}
