//! The store's housekeeping: the sweep, the disk, the reserve.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::change::{Outcome, Urgency};
use super::error::StoreError;
use super::space::{RESERVE_OCTETS, Room, Space, SpaceState};
use super::sweep::{self, Keep, Removed};
use super::time::Moment;
use super::types::SweepReport;
use super::{Inner, Store, body, provider};

impl Store {
    /// Room on the disk. Quick enough to be asked at every MAIL.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn space(&self) -> Result<Space, StoreError> {
        let room = self.0.room()?;
        let full = self.0.full.load(Ordering::Relaxed);
        let state = if full || room.free < self.0.keep().free.octets(room) {
            SpaceState::Short
        } else {
            SpaceState::Enough
        };
        Ok(Space {
            free: room.free,
            total: room.total,
            state,
        })
    }

    /// Whether a commit found the disk full, and mail waits for room.
    pub fn is_held_up(&self) -> bool {
        self.0.full.load(Ordering::Relaxed)
    }

    /// Lets mail in again where there is room again, and says how much there is.
    /// To be called every few seconds while [`Store::is_held_up`]; blocking.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn look_for_room(&self) -> Result<Space, StoreError> {
        if self.0.full.load(Ordering::Relaxed) {
            self.0.make_reserve();
        }
        self.space()
    }

    /// Removes collected mail that is over: too old, beyond the budget, or in
    /// the way on a disk that runs full; gives the room back to the disk.
    /// Forgets what providers have not listed for 30 days.
    /// To be called every few minutes, and when [`Store::space`] is short.
    ///
    /// For an hour after the clock jumped by more than a day only a short disk
    /// makes mail go: by the order in which it was collected, which no clock
    /// can change.
    ///
    /// # Errors
    /// When the database cannot be written; what was removed before stays removed.
    pub async fn sweep(&self, now: Moment) -> Result<SweepReport, StoreError> {
        let (kept, age, settled) = {
            let mut clock = self.clock();
            clock.look(now);
            (clock.kept(), clock.age_millis(now), clock.is_settled(now))
        };
        let keep = self.0.keep();
        let mut report = SweepReport {
            clock_unsettled: !settled,
            ..SweepReport::default()
        };
        self.0
            .writer
            .upkeep(move |db| sweep::write_clock(db, kept))
            .await?;
        if settled {
            report.by_age = self.sweep_old(keep.over_since(age), &mut report).await?;
            report.by_size = self.sweep_beyond_budget(&keep, &mut report).await?;
            report.forgotten = self.forget_fetched(age).await?;
        }
        self.give_back().await?;
        let room = self.0.room()?;
        let short = self.0.wanted_free(&keep, room).saturating_sub(room.free);
        report.by_free_space = self.sweep_octets(short, &mut report).await?;
        if report.by_free_space > 0 {
            self.give_back().await?;
        }
        self.0.make_reserve();
        Ok(report)
    }

    async fn sweep_old(&self, up_to_age: i64, report: &mut SweepReport) -> Result<u64, StoreError> {
        let mut entries = 0;
        loop {
            let over = self.ask(move |db| sweep::over(db, up_to_age)).await?;
            if over.is_empty() {
                return Ok(entries);
            }
            let before = entries;
            for step in over.chunks(sweep::STEP_ENTRIES as usize) {
                let step = step.to_vec();
                let removed = self
                    .remove(move |db| sweep::remove_over(db, &step, up_to_age))
                    .await?;
                entries += report.note(removed);
            }
            // All of them restored meanwhile, or an index that is damaged: the next
            // sweep looks again.
            if entries == before {
                return Ok(entries);
            }
        }
    }

    /// Of what came from providers. Returns how many records went.
    async fn forget_fetched(&self, age: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let (records, copies) = self
                .0
                .writer
                .upkeep(move |db| provider::forget(db, age))
                .await?;
            forgotten += records;
            if records == 0 && copies == 0 {
                return Ok(forgotten);
            }
        }
    }

    async fn sweep_beyond_budget(
        &self,
        keep: &Keep,
        report: &mut SweepReport,
    ) -> Result<u64, StoreError> {
        let budget = keep.collected_max.octets(self.0.room()?);
        let used = self
            .ask(move |db| sweep::collected_octets(db, budget))
            .await?;
        self.sweep_octets(used.saturating_sub(budget), report).await
    }

    /// Removes the oldest until messages of so many octets are gone.
    async fn sweep_octets(
        &self,
        mut octets: u64,
        report: &mut SweepReport,
    ) -> Result<u64, StoreError> {
        let mut entries = 0;
        while octets > 0 {
            let removed = self
                .remove(move |db| sweep::remove_oldest(db, octets))
                .await?;
            if removed.entries == 0 {
                break;
            }
            octets = octets.saturating_sub(removed.octets);
            entries += report.note(removed);
        }
        Ok(entries)
    }

    /// A change that removes messages: their files go after the commit, and
    /// before this returns.
    pub(super) async fn remove<W>(&self, work: W) -> Result<Removed, StoreError>
    where
        W: FnMut(&rusqlite::Connection) -> Result<Removed, StoreError> + Send + 'static,
    {
        let files = self.0.files.queue();
        let bodies = self.0.bodies.clone();
        let settled = move |outcome: Outcome<'_, Removed>| {
            if let Outcome::Committed(removed) = outcome {
                let names = std::mem::take(&mut removed.files);
                removed.unlinked = body::remove_files(&files, &bodies, names);
            }
        };
        let mut removed = self
            .0
            .writer
            .change(Urgency::Upkeep, 0, work, settled)
            .await?;
        if let Some(unlinked) = removed.unlinked.take() {
            // Closed instead of answered: the store ends, the next start removes them.
            let _ = unlinked.recv().await;
        }
        Ok(removed)
    }

    /// Free pages of the database go back to the disk, a step at a time, so
    /// that mail may come between.
    async fn give_back(&self) -> Result<(), StoreError> {
        let mut pages = 0;
        loop {
            let step = self.0.writer.give_back(sweep::STEP_PAGES).await?;
            pages += step.pages;
            // The file becomes shorter only when the log has been copied into
            // it; and on a full disk the log must not outgrow the reserve.
            if pages > 0 && (!step.more || pages >= sweep::CHECKPOINT_PAGES) {
                self.0.checkpointer.wanted().run().await?;
                pages = 0;
            }
            if !step.more {
                return Ok(());
            }
        }
    }
}

impl SweepReport {
    /// Returns how many entries went.
    fn note(&mut self, mut removed: Removed) -> u64 {
        self.messages.append(&mut removed.messages);
        self.octets += removed.octets;
        removed.entries
    }
}

impl Inner {
    fn keep(&self) -> Keep {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self) -> Result<Room, StoreError> {
        self.disk
            .read(self.folder.path())
            .map_err(|error| StoreError::file("ask for the free space of", &error))
    }

    /// What is to be free: `keep_free`; where a commit found the disk full, room
    /// for the reserve as well, without which no mail comes in again.
    fn wanted_free(&self, keep: &Keep, room: Room) -> u64 {
        let reserve = match self.full.load(Ordering::Relaxed) {
            true => 2 * RESERVE_OCTETS,
            false => 0,
        };
        keep.free.octets(room).max(reserve)
    }

    /// Sets the reserve aside where there is room for it and as much again, and
    /// lets mail in again where `keep_free` allows it.
    pub(super) fn make_reserve(&self) {
        let Ok(room) = self.room() else {
            return;
        };
        if room.free < 2 * RESERVE_OCTETS {
            return;
        }
        if !self.reserve.exists()
            && let Err(error) = self.reserve.make()
        {
            // Mail is safe without it; only a full disk is handled worse.
            let error = StoreError::file("set aside", &error);
            self.counters.note_error(&error);
            if error == StoreError::Full {
                // As by a quota: what the disk has free is not for us.
                return;
            }
        }
        if room.free >= self.keep().free.octets(room) {
            self.full.store(false, Ordering::Relaxed);
        }
    }
}
