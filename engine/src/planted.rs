//! Bugs that are planted on purpose, to see that the checks find them.
//!
//! In a build with the feature `planted` the environment variable `CRENEAU_PLANTED` names the one
//! that is there, for the whole process. Without the feature [`is`] is false when the code is
//! compiled, and nothing of this is left in it. `make planted` plants each in turn.

macro_rules! bugs {
    ($($bug:ident in $place:literal: $what:literal;)+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(
            not(feature = "planted"),
            expect(unreachable_pub, reason = "who plants it sees it")
        )]
        pub enum Bug {
            $(#[doc = $what] $bug,)+
        }

        #[cfg(feature = "planted")]
        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),+];

            /// What it does, in a few words.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self { $(Self::$bug => $what,)+ }
            }

            /// The file in which it is planted, under `engine/src`.
            #[must_use]
            pub const fn place(self) -> &'static str {
                match self { $(Self::$bug => $place,)+ }
            }
        }
    };
}

bugs! {
    ExpiryLate in "booking/calendar.rs": "a hold lasts a millisecond longer than its deadline";
    ConfirmedLate in "booking/decide.rs": "a hold is confirmed at its deadline";
    BufferIgnored in "booking/schedule.rs": "a lane is free again before the buffer is over";
    LaneTooMany in "booking/decide.rs": "one lane more than there are is given out";
    TouchingOverlaps in "booking/calendar.rs": "what ends when another starts is in its way";
    HorizonDayMore in "booking/schedule.rs": "a day beyond the horizon can be booked";
    GapOpened in "booking/schedule.rs": "the hour that the clocks skip is taken for open";
    TemplateOutlasts in "booking/template.rs": "a template counts a day longer than it is set to";
    WeekFromAnchor in "booking/template.rs": "alternating weeks begin on the weekday of the anchor";
    FeastLate in "booking/holidays.rs": "a movable feast is kept a day late";
    AbsenceLate in "booking/schedule.rs": "an absence that begins within an opening closes nothing";
    HalfMove in "booking/calendar.rs": "a move takes the new slot and keeps the old one";
    EndForgotten in "booking/calendar.rs": "a calendar does not remember how a hold ended";
    PastForgottenEarly in "booking/calendar.rs": "appointments are let go of two days too early";
    GuardIgnored in "booking/decide.rs": "a calendar does not look at its person guards";
    HeldNotCounted in "booking/decide.rs": "a day's count leaves out what is only held";
    BufferForgotten in "booking/decide.rs": "what is moved keeps no buffer";
    LimitPerAccount in "booking/decide.rs": "a limit counts who booked and not who comes";
    RenewedWithoutEnd in "booking/practice.rs": "a hold can be renewed again and again";
    TwoOffers in "booking/wishes.rs": "one slot is offered to two who wait";
    ListReversed in "booking/wishes.rs": "who came last is offered a slot first";
    GrantedTwice in "engine/wishes.rs": "two offers of one wish are accepted";
    PresentLost in "booking/calendar.rs": "who lets an offer go by loses what they have";
    PartTwice in "booking/parts.rs": "a part is taken though it is not free";
    PartKept in "runtime/desk.rs": "a part that was claimed stays taken after a refused one";
    ChecksumSkipped in "journal/frame.rs": "a frame's checksum is not compared";
    TornTailAccepted in "journal/frame.rs": "a frame is read as far as it goes";
    EntriesChainUnchecked in "journal/entries.rs": "a reader does not compare the chain's hashes";
    FailureForgotten in "storage/memory.rs": "a journal takes appends after one has failed";
    ChainUnchecked in "recovery.rs": "a start does not compare the chain's hashes";
    GapAccepted in "recovery.rs": "a start goes on over entries that are missing";
    LostTailAccepted in "recovery.rs": "a journal that ends before its mark is served";
    ReplaySkipsLast in "recovery.rs": "a start does not replay the last entry";
    ReplayBeginsLate in "recovery.rs": "a start begins to replay one entry late";
    SecondEventSkipped in "recovery.rs": "a start replays the first event of an entry alone";
    HoldsFollowedNot in "recovery.rs": "a start does not count holds that it replays";
    ClockBehindJournal in "engine/open.rs": "time starts at the wall clock, behind the journal";
    AcknowledgedUnsynced in "runtime/commit.rs": "callers are answered before the write";
    FailedWriteTaken in "runtime/commit.rs": "a write that failed is taken for done";
    MarkAhead in "runtime/commit.rs": "an entry more is marked than was written";
    WatermarkAhead in "runtime/commit.rs": "what waits to be written counts as durable";
    WakeUpLostAtWatermark in "runtime/commit.rs": "the watermark moves and wakes nobody";
    BarrierAhead in "runtime/commit.rs": "a refusal does not wait for what it rests on";
    SnapshotAhead in "runtime/desk.rs": "a state is kept before it is durable";
    ExpiryUnwritten in "runtime/desk.rs": "a hold ends in memory alone";
    HalfMoveInMemory in "runtime/desk.rs": "the calendar that an appointment leaves is not told";
    MoveFreesNewSpan in "runtime/desk.rs": "a move frees the slot that it takes";
    OverlapFreed in "runtime/desk.rs": "a move by a little frees what it keeps";
    AcceptKeepsBits in "runtime/desk.rs": "the slot that an accepted offer leaves stays taken";
    CancelKeepsBits in "runtime/desk.rs": "the slot of a cancelled appointment stays taken";
    TwoSlotTables in "runtime/desk.rs": "a calendar has a new slot table, and others the old one";
    GenerationIgnored in "runtime/reservation.rs": "a reservation counts in any slot table";
    ClaimNotUndone in "runtime/reservation.rs": "a reservation that is dropped keeps its bits";
    ClaimUndoneTwice in "runtime/reservation.rs": "a hold's bits are cleared when it is made";
    GuardPerCalendar in "runtime/reservation.rs": "a guard of the engine counts in a calendar";
    GuardNotReleased in "runtime/claims.rs": "a hold that ends keeps its guard";
    GuardReleasedForAll in "runtime/claims.rs": "a hold that ends gives back another's guard";
    PendingClaimKept in "runtime/claims.rs": "a request that is refused keeps its claims";
    SecondWordLost in "runtime/slot_table.rs": "a claim lost in its second word keeps the first";
    ClosedFreed in "runtime/slot_table.rs": "what is freed is open, whatever the hours say";
    LastLaneUnused in "runtime/slot_table.rs": "the last lane is never given out";
    WordEdgeMissed in "runtime/slot_table.rs": "no slot is listed that begins in one word of two";
    ClaimNotAtomic in "runtime/slot_word.rs": "bits are looked at and set in two steps";
    AlternativesLate in "runtime/view.rs": "alternatives lie one step after what is free";
    PersonLosesMove in "runtime/index.rs": "a person's appointments lack those that moved";
    RowMissed in "runtime/index.rs": "the index does not hear of a release";
    OutcomeForgotten in "runtime/index.rs": "a named command is forgotten after an hour";
    OutcomeKept in "runtime/index.rs": "a named command is remembered for two days";
    KeyReused in "engine/mod.rs": "a name's outcome is given to another command";
    RowLeavesEarly in "runtime/behind.rs": "a row leaves memory that the store has not yet";
    ProgressAhead in "runtime/upkeep.rs": "a store says that it has states that it lacks";
    HangIgnored in "runtime/upkeep.rs": "a write that hangs is waited for without end";
    RetiredBusy in "runtime/directory.rs": "a calendar is retired with a write under way";
    NameNotNoted in "runtime/names.rs": "a command's name is taken for unknown while it is known";
    DirtyForgotten in "runtime/dirty.rs": "what is written during a snapshot is not noted";
    RebuiltShort in "runtime/directory.rs": "a failed calendar is rebuilt without its last entry";
    QuarantineNever in "runtime/directory.rs": "a calendar that fails again is rebuilt again";
    WakeUpLostAtDeadline in "runtime/deadlines.rs": "an earlier deadline wakes nobody";
    FeedAhead in "runtime/feed.rs": "the feed shows what is not durable";
    FeedSkips in "runtime/feed.rs": "the feed leaves out the entry that a reader goes on with";
    ReaderAhead in "readers/rows.rs": "a position is written that the rows have not come to";
    ReminderStays in "readers/due.rs": "the reminders of a moved appointment stay where they were";
    LatenessStays in "readers/due.rs": "an earlier lateness is told beside the one that counts";
    OfferUntold in "readers/due.rs": "nobody is told of an offer";
    FirstTwice in "engine/first.rs": "two requests for a first free slot take no turns";
    FirstRefusedWhole in "engine/first.rs": "one calendar's rule keeps a person from all of them";
    DoseFromNowhere in "runtime/doses.rs": "a dose is claimed where none is left";
    DoseClaimKept in "runtime/doses.rs": "a dose that a refused hold had claimed stays claimed";
    PhaseIgnored in "campaign/eligibility.rs": "a phase is open before it opens";
    FirstLeftWithout in "engine/campaigns/cover.rs": "who booked first is left without a dose";
    LineIgnored in "runtime/doses.rs": "whoever asks takes what those in the line wait for";
    LineReversed in "engine/campaigns/rounds.rs": "whoever is last in the line is asked first";
    MoveForgetsInterval in "engine/campaigns/wanted.rs": "a dose moves out of its interval";
    TwinForgotten in "engine/campaigns/pairs.rs": "one of two doses is confirmed alone";
    SecondGivenFirst in "engine/campaigns/giving.rs": "a second dose is given before the first";
    TallyTwice in "runtime/dose_rows.rs": "an entry is counted again when it is replayed";
    DoseNotGivenBack in "runtime/doses.rs": "the dose of a cancelled appointment stays claimed";
    ReviewedTwice in "engine/reviews.rs": "two reviews of one appointment take no turns";
    HoldsFillAll in "runtime/admission.rs": "holds take the places of confirms";
    PermitLost in "runtime/admission.rs": "a calendar's permits are not given back";
}

/// Whether `bug` is planted in this process.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_bug: Bug) -> bool {
    false
}

/// Whether `bug` is planted in this process.
#[cfg(feature = "planted")]
pub(crate) fn is(bug: Bug) -> bool {
    use std::sync::OnceLock;

    static PLANTED: OnceLock<Option<Bug>> = OnceLock::new();
    let planted = PLANTED.get_or_init(|| {
        let name = std::env::var("CRENEAU_PLANTED").ok()?;
        let named = Bug::ALL.iter().find(|bug| format!("{bug:?}") == name);
        assert!(named.is_some(), "CRENEAU_PLANTED: no bug is called {name}");
        named.copied()
    });
    *planted == Some(bug)
}
