//! An adapter in memory that keeps exactly what the ports promise and no more.
//!
//! Its log behaves like one of several partitions: lines are shuffled against each other anew at each read, events
//! are delivered again now and then, and a cursor is a list of offsets. A consumer that relies on more than
//! [`EventLog`] promises fails on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    Batch, CommandRecord, Commit, Committed, Cursor, EventLog, History, HistoryFilter, HistoryPage,
    HistoryRange, Identity, Journal, LogError, MAX_BATCH, MAX_EVENTS_IN_COMMIT, RecordedEvent, SecretRow,
    SecretScope, SecretWrite, StoreError, new_event_id,
};

/// Lines are dealt to so many partitions, in the order of their first appearance.
const PARTITIONS: usize = 16;

/// One read in so many begins with events that were delivered before.
const REPEAT_ONE_READ_IN: u64 = 4;

/// A read delivers at most so many events again.
const MAX_REPEATS: usize = 3;

type Offsets = [usize; PARTITIONS];

/// The store in memory. Clones share what is stored.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    length: Arc<watch::Sender<usize>>,
}

#[derive(Debug)]
struct State {
    identity: Identity,
    /// All events in the order of their commits; the cursor in them is not the one that readers see.
    events: Vec<(usize, RecordedEvent)>,
    /// Indices into `events`, a list for each partition.
    partitions: [Vec<usize>; PARTITIONS],
    lines: HashMap<String, usize>,
    last_sequences: HashMap<(String, String), u64>,
    commands: HashMap<String, (CommandRecord, u64, Cursor)>,
    secrets: Vec<SecretRow>,
    random: u64,
}

impl MemoryStore {
    /// An empty store whose shuffling follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State {
            identity: Identity {
                incarnation: uuid::Uuid::new_v4().simple().to_string(),
                master_key_fingerprint: None,
            },
            events: Vec::new(),
            partitions: std::array::from_fn(|_| Vec::new()),
            lines: HashMap::new(),
            last_sequences: HashMap::new(),
            commands: HashMap::new(),
            secrets: Vec::new(),
            random: seed,
        };
        Self { state: Arc::new(Mutex::new(state)), length: Arc::new(watch::Sender::new(0)) }
    }

    /// What is stored, under new hands: nothing that waited on the old ones is woken through the new ones.
    pub fn reopen(&self) -> Self {
        let length = self.lock().events.len();
        Self { state: self.state.clone(), length: Arc::new(watch::Sender::new(length)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next number of a splitmix64 generator.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.random() % bound).unwrap_or(0)
    }

    fn cursor(&self, offsets: &Offsets) -> Cursor {
        let list = offsets.map(|offset| offset.to_string()).join(",");
        Cursor::from_text(format!("{}.{list}", self.identity.incarnation))
    }

    fn head(&self) -> Offsets {
        std::array::from_fn(|p| self.partitions[p].len())
    }

    fn offsets(&self, cursor: &Cursor) -> Result<Offsets, LogError> {
        if cursor.is_start() {
            return Ok([0; PARTITIONS]);
        }
        let foreign = || LogError::ForeignCursor(format!("the place {} is not of this log", cursor.as_str()));
        let (incarnation, list) = cursor.as_str().split_once('.').ok_or_else(foreign)?;
        let offsets: Vec<usize> = list.split(',').map_while(|offset| offset.parse().ok()).collect();
        let offsets: Offsets = offsets.try_into().map_err(|_| foreign())?;
        let known = incarnation == self.identity.incarnation
            && offsets.iter().zip(&self.partitions).all(|(offset, partition)| *offset <= partition.len());
        if known { Ok(offsets) } else { Err(foreign()) }
    }

    fn last_sequence(&self, aggregate_type: &str, aggregate_id: &str) -> u64 {
        self.last_sequences.get(&(aggregate_type.to_owned(), aggregate_id.to_owned())).copied().unwrap_or(0)
    }

    fn commit(&mut self, commit: Commit) -> Result<Committed, StoreError> {
        if let Some((record, last_sequence, cursor)) = self.commands.get(&commit.command.id) {
            let (last_sequence, cursor) = (*last_sequence, cursor.clone());
            return Ok(Committed { last_sequence, cursor, repeated: Some(record.clone()) });
        }
        let found = self.last_sequence(&commit.aggregate_type, &commit.aggregate_id);
        if found != commit.expected {
            return Err(StoreError::Conflict {
                aggregate_type: commit.aggregate_type,
                aggregate_id: commit.aggregate_id,
                expected: commit.expected,
                found,
            });
        }
        if commit.events.len() > MAX_EVENTS_IN_COMMIT {
            return Err(StoreError::Corrupt(format!(
                "more than {MAX_EVENTS_IN_COMMIT} events in one commit"
            )));
        }
        let lines = self.lines.len();
        let partition = *self.lines.entry(commit.line.clone()).or_insert(lines % PARTITIONS);
        let mut sequence = found;
        for event in commit.events {
            sequence += 1;
            self.partitions[partition].push(self.events.len());
            let recorded = RecordedEvent {
                cursor: Cursor::start(),
                event_id: new_event_id(commit.metadata.at_ms),
                aggregate_type: commit.aggregate_type.clone(),
                aggregate_id: commit.aggregate_id.clone(),
                line: commit.line.clone(),
                project_id: commit.project_id.clone(),
                sequence,
                name: event.name,
                version: event.version,
                data: event.data,
                metadata: commit.metadata.clone(),
            };
            self.events.push((partition, recorded));
        }
        if sequence > 0 {
            self.last_sequences.insert((commit.aggregate_type, commit.aggregate_id), sequence);
        }
        let cursor = self.cursor(&self.head());
        let kept = (commit.command.clone(), sequence, cursor.clone());
        self.commands.insert(commit.command.id, kept);
        self.write_secrets(commit.secrets);
        Ok(Committed { last_sequence: sequence, cursor, repeated: None })
    }

    fn write_secrets(&mut self, writes: Vec<SecretWrite>) {
        for write in writes {
            match write {
                SecretWrite::Put { kind, owner, lookup, sealed, expires_at_ms } => {
                    self.secrets.push(SecretRow { kind, owner, lookup, sealed, expires_at_ms });
                }
                SecretWrite::Expire { kind, owner, scope, at_ms } => {
                    let meant = |row: &&mut SecretRow| is_meant(row, &kind, &owner, &scope);
                    for row in self.secrets.iter_mut().filter(meant) {
                        row.expires_at_ms = Some(row.expires_at_ms.map_or(at_ms, |at| at.min(at_ms)));
                    }
                }
                SecretWrite::Delete { kind, owner, scope } => {
                    self.secrets.retain(|row| !is_meant(row, &kind, &owner, &scope));
                }
            }
        }
    }

    fn read_after(&mut self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let mut offsets = self.offsets(after)?;
        let limit = usize::try_from(limit.clamp(1, MAX_BATCH)).unwrap_or(1);
        let head = self.head();
        let mut events = Vec::new();
        if offsets == head {
            return Ok(Batch { events, next: after.clone() });
        }
        if limit > 1 && self.random().is_multiple_of(REPEAT_ONE_READ_IN) {
            let begun: Vec<usize> = (0..PARTITIONS).filter(|p| offsets[*p] > 0).collect();
            let partition = begun.get(self.below(begun.len())).copied().unwrap_or(0);
            let from = offsets[partition].saturating_sub(MAX_REPEATS.min(limit - 1));
            for index in &self.partitions[partition][from..offsets[partition]] {
                let cursor = self.cursor(&offsets);
                events.push(RecordedEvent { cursor, ..self.events[*index].1.clone() });
            }
        }
        while events.len() < limit {
            let open: Vec<usize> = (0..PARTITIONS).filter(|p| offsets[*p] < head[*p]).collect();
            if open.is_empty() {
                break;
            }
            let partition = open[self.below(open.len())];
            let index = self.partitions[partition][offsets[partition]];
            offsets[partition] += 1;
            let cursor = self.cursor(&offsets);
            events.push(RecordedEvent { cursor, ..self.events[index].1.clone() });
        }
        Ok(Batch { events, next: self.cursor(&offsets) })
    }
}

/// An event where it stands: in the `number`th place, from 1, of its partition, with all offsets after it.
struct Placed<'a> {
    partition: usize,
    number: usize,
    offsets: Offsets,
    event: &'a RecordedEvent,
}

impl State {
    /// Every event, in the order of commits.
    fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        let mut offsets: Offsets = [0; PARTITIONS];
        self.events.iter().map(move |(partition, event)| {
            offsets[*partition] += 1;
            Placed { partition: *partition, number: offsets[*partition], offsets, event }
        })
    }

    fn page(
        &self,
        filter: &HistoryFilter,
        range: &HistoryRange,
        limit: u32,
    ) -> Result<HistoryPage, LogError> {
        let limit = usize::try_from(limit.clamp(1, MAX_BATCH)).unwrap_or(1);
        match range {
            HistoryRange::After(after) => Ok(self.page_after(filter, self.offsets(after)?, limit)),
            HistoryRange::Before(before) => {
                let offsets = before.as_ref().map(|cursor| self.offsets(cursor)).transpose()?;
                Ok(self.page_before(filter, offsets, limit))
            }
        }
    }

    fn page_after(&self, filter: &HistoryFilter, mut offsets: Offsets, limit: usize) -> HistoryPage {
        let (mut events, mut more) = (Vec::new(), false);
        for Placed { partition, number, event, .. } in self.placed() {
            if number <= offsets[partition] {
                continue;
            }
            let matches = filter.matches(event);
            if matches && events.len() == limit {
                more = true;
                break;
            }
            offsets[partition] = number;
            if matches {
                events.push(RecordedEvent { cursor: self.cursor(&offsets), ..event.clone() });
            }
        }
        HistoryPage { events, more, next: self.cursor(&offsets) }
    }

    fn page_before(&self, filter: &HistoryFilter, offsets: Option<Offsets>, limit: usize) -> HistoryPage {
        let mut within: Vec<_> = match offsets {
            None => self.placed().collect(),
            Some(offsets) => self.placed().filter(|it| it.number <= offsets[it.partition]).collect(),
        };
        if offsets.is_some() {
            // The event whose place it is.
            within.pop();
        }
        within.retain(|placed| filter.matches(placed.event));
        let left = within.len().saturating_sub(limit);
        let event = |placed: &Placed<'_>| RecordedEvent {
            cursor: self.cursor(&placed.offsets),
            ..placed.event.clone()
        };
        let events: Vec<_> = within[left..].iter().map(event).collect();
        let more = left > 0;
        let next = events.first().filter(|_| more).map_or_else(Cursor::start, |event| event.cursor.clone());
        HistoryPage { events, more, next }
    }
}

fn is_meant(row: &SecretRow, kind: &str, owner: &str, scope: &SecretScope) -> bool {
    row.kind == kind
        && row.owner == owner
        && match scope {
            SecretScope::All => true,
            SecretScope::Lookup(lookup) => row.lookup.as_ref() == Some(lookup),
            SecretScope::ExpiredBy(at) => !row.is_valid_at(*at),
        }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn load_after(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let state = self.lock();
        let mut offsets: Offsets = [0; PARTITIONS];
        let mut found = Vec::new();
        for (partition, event) in &state.events {
            offsets[*partition] += 1;
            let of_it = event.aggregate_type == aggregate_type && event.aggregate_id == aggregate_id;
            if of_it && event.sequence > after {
                found.push(RecordedEvent { cursor: state.cursor(&offsets), ..event.clone() });
            }
        }
        Ok(found)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let (committed, length) = {
            let mut state = self.lock();
            (state.commit(commit)?, state.events.len())
        };
        self.length.send_modify(|known| *known = length.max(*known));
        Ok(committed)
    }

    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError> {
        Ok(self.lock().commands.get(id).map(|(record, ..)| record.clone()))
    }

    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError> {
        let mut state = self.lock();
        if let Some((standing, ..)) = state.commands.get(&record.id) {
            return Ok(Some(standing.clone()));
        }
        let cursor = state.cursor(&state.head());
        state.commands.insert(record.id.clone(), (record, 0, cursor));
        Ok(None)
    }

    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let before = state.commands.len();
        state.commands.retain(|_, (record, ..)| record.at_ms >= before_ms);
        Ok(u64::try_from(before - state.commands.len()).unwrap_or(u64::MAX))
    }

    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError> {
        let is_it = |row: &&SecretRow| row.kind == kind && row.lookup.as_deref() == Some(lookup);
        Ok(self.lock().secrets.iter().filter(is_it).cloned().collect())
    }

    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError> {
        let is_it = |row: &&SecretRow| row.kind == kind && owners.contains(&row.owner.as_str());
        Ok(self.lock().secrets.iter().filter(is_it).cloned().collect())
    }

    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError> {
        self.lock().write_secrets(writes);
        Ok(())
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        Ok(self.lock().identity.clone())
    }

    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError> {
        let mut state = self.lock();
        state.identity.master_key_fingerprint.get_or_insert_with(|| fingerprint.to_owned());
        Ok(state.identity.clone())
    }

    async fn remove_traces(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl EventLog for MemoryStore {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        self.lock().read_after(after, limit)
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        let state = self.lock();
        Ok(state.cursor(&state.head()))
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        let state = self.lock();
        let seen: usize = state.offsets(after)?.iter().sum();
        Ok(u64::try_from(state.events.len() - seen).unwrap_or(u64::MAX))
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        let mut length = self.length.subscribe();
        let seen: usize = self.lock().offsets(after)?.iter().sum();
        if self.lock().events.len() > seen {
            return Ok(());
        }
        let woken = length.wait_for(|length| *length > seen).await;
        woken.map(|_| ()).map_err(|_| LogError::Unavailable {
            message: "the store was closed".into(),
            mend: "open it again".into(),
        })
    }

    async fn settle(&self) -> Result<(), LogError> {
        Ok(())
    }
}

#[async_trait]
impl History for MemoryStore {
    async fn page(
        &self,
        filter: &HistoryFilter,
        range: &HistoryRange,
        limit: u32,
    ) -> Result<HistoryPage, LogError> {
        self.lock().page(filter, range, limit)
    }
}
