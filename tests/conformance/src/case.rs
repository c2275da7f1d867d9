//! The observation, put in order for the rules: each rendition with its playlists in time, and each part and segment
//! with when it was first and last listed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Exhibit;
use crate::mp4::{Init, Run};
use crate::observation::{Answer, Body, Directives, Exchange, Observation, Purpose, Torn};
use crate::playlist::{Map, MediaPlaylist, Micros, Multivariant, Part, Segment, parse_multivariant};

/// A media playlist that came.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) playlist: Arc<MediaPlaylist>,
    /// When its answer's head was there.
    pub(crate) at: Micros,
    /// Whether it is one of those that follow each other.
    pub(crate) followed: bool,
}

impl Load<'_> {
    pub(crate) fn exhibit(&self) -> Exhibit {
        Exhibit::playlist(self.exchange, &self.playlist.text)
    }
}

/// Something that was listed.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) what: T,
    /// The last playlist without it, before it came; none for what the first playlist had.
    pub(crate) before: Option<Micros>,
    /// The first playlist with it.
    pub(crate) first: Micros,
    /// The last playlist with it.
    pub(crate) last: Micros,
}

/// One rendition.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) index: usize,
    pub(crate) url: &'a str,
    /// Full playlists, in time.
    pub(crate) loads: Vec<Load<'a>>,
    /// Answers to `_HLS_skip` beside the followed ones.
    pub(crate) deltas: Vec<(Directives, Load<'a>)>,
    /// What was answered 200 and is no playlist.
    pub(crate) torn: Vec<(&'a Exchange, &'a Torn)>,
    pub(crate) segments: BTreeMap<u64, Listed<Segment>>,
    pub(crate) parts: BTreeMap<(u64, u64), Listed<Part>>,
}

impl<'a> Line<'a> {
    fn new(log: &'a Observation, index: usize, url: &'a str) -> Self {
        let mut line = Self {
            index,
            url,
            loads: Vec::new(),
            deltas: Vec::new(),
            torn: Vec::new(),
            segments: BTreeMap::new(),
            parts: BTreeMap::new(),
        };
        for exchange in log.exchanges.iter().filter(|exchange| exchange.rendition == Some(index)) {
            let Some(answer) = exchange.answer().filter(|answer| answer.status == 200) else { continue };
            let playlist = match &answer.body {
                Body::Playlist(Ok(playlist)) => Arc::clone(playlist),
                Body::Playlist(Err(torn)) => {
                    line.torn.push((exchange, torn));
                    continue;
                }
                _ => continue,
            };
            let followed = matches!(exchange.purpose, Purpose::Follow(_));
            let load = Load { exchange, playlist, at: answer.head, followed };
            match &exchange.purpose {
                Purpose::Delta(directives) => line.deltas.push((*directives, load)),
                _ if load.playlist.skip.is_some() => {}
                _ => line.loads.push(load),
            }
        }
        line.loads.sort_by_key(|load| load.at);
        line.list();
        line
    }

    fn list(&mut self) {
        let mut before = None;
        for load in &self.loads {
            if load.followed {
                for segment in &load.playlist.segments {
                    list(&mut self.segments, segment.msn, segment, before, load.at);
                }
                for (msn, index, part) in load.playlist.parts() {
                    list(&mut self.parts, (msn, index), part, before, load.at);
                }
                before = Some(load.at);
            } else {
                for segment in &load.playlist.segments {
                    if let Some(known) =
                        self.segments.get_mut(&segment.msn).filter(|s| s.what.uri == segment.uri)
                    {
                        known.last = known.last.max(load.at);
                    }
                }
            }
        }
    }

    /// The playlists that follow each other.
    pub(crate) fn follows(&self) -> impl DoubleEndedIterator<Item = &Load<'a>> + Clone {
        self.loads.iter().filter(|load| load.followed)
    }

    /// The target duration; 1 s where nothing came.
    pub(crate) fn target(&self) -> Micros {
        self.loads.first().map_or(1_000_000, |load| load.playlist.target)
    }

    /// The longest part target.
    pub(crate) fn part_target(&self) -> Option<Micros> {
        self.loads.iter().filter_map(|load| load.playlist.part_target).max()
    }

    /// Whether it lists parts.
    pub(crate) fn has_parts(&self) -> bool {
        self.part_target().is_some()
    }

    pub(crate) fn can_block(&self) -> bool {
        self.loads.iter().any(|load| load.playlist.control.as_ref().is_some_and(|control| control.can_block))
    }

    /// The newest playlist with ENDLIST.
    pub(crate) fn end(&self) -> Option<&Load<'a>> {
        self.loads.iter().find(|load| load.playlist.ended)
    }

    /// The followed playlist in which a part or segment was first listed.
    pub(crate) fn load_at(&self, at: Micros) -> Option<&Load<'a>> {
        self.follows().find(|load| load.at == at)
    }

    /// Two playlists with the same edge, as exhibits: the one that listed last without, and the first with.
    pub(crate) fn exhibits_at(&self, moments: &[Micros]) -> Vec<Exhibit> {
        moments.iter().filter_map(|at| self.load_at(*at)).map(Load::exhibit).collect()
    }
}

fn list<K: Ord, T: Clone>(
    all: &mut BTreeMap<K, Listed<T>>,
    key: K,
    what: &T,
    before: Option<Micros>,
    at: Micros,
) {
    all.entry(key).and_modify(|known| known.last = at).or_insert_with(|| Listed {
        what: what.clone(),
        before,
        first: at,
        last: at,
    });
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) log: &'a Observation,
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) multivariants: Vec<(&'a Exchange, Multivariant)>,
    inits: BTreeMap<(usize, String), &'a Arc<Init>>,
    segments: BTreeMap<(usize, u64), &'a [Run]>,
    parts: BTreeMap<(usize, u64, u64), &'a [Run]>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(log: &'a Observation) -> Self {
        let lines =
            log.renditions.iter().enumerate().map(|(index, url)| Line::new(log, index, url)).collect();
        let mut case = Self {
            log,
            lines,
            multivariants: Vec::new(),
            inits: BTreeMap::new(),
            segments: BTreeMap::new(),
            parts: BTreeMap::new(),
        };
        for exchange in log.exchanges.iter().filter(|exchange| exchange.is_good()) {
            let Some(answer) = exchange.answer() else { continue };
            let line = exchange.rendition.unwrap_or(0);
            match (&exchange.purpose, &answer.body) {
                (Purpose::Multivariant, Body::Text(text)) => {
                    if let Ok(read) = parse_multivariant(text) {
                        case.multivariants.push((exchange, read));
                    }
                }
                (Purpose::Init, Body::Init(Ok(init))) => {
                    case.inits.insert((line, exchange.url.clone()), init);
                }
                (Purpose::Segment(msn), Body::Media(Ok(runs))) => {
                    case.segments.insert((line, *msn), runs);
                }
                (Purpose::Part(msn, part), Body::Media(Ok(runs))) => {
                    case.parts.insert((line, *msn, *part), runs);
                }
                _ => {}
            }
        }
        case
    }

    /// Every rendition's full playlists.
    pub(crate) fn loads(&self) -> impl Iterator<Item = (&Line<'a>, &Load<'a>)> {
        self.lines.iter().flat_map(|line| line.loads.iter().map(move |load| (line, load)))
    }

    pub(crate) fn has_parts(&self) -> bool {
        self.lines.iter().any(Line::has_parts)
    }

    pub(crate) fn can_block(&self) -> bool {
        self.lines.iter().any(Line::can_block)
    }

    /// The requests of one rendition that were answered.
    pub(crate) fn answered(&self, line: &Line<'_>) -> impl Iterator<Item = (&'a Exchange, &'a Answer)> {
        let index = line.index;
        let all = self.log.exchanges.iter().filter(move |exchange| exchange.rendition == Some(index));
        all.filter_map(|exchange| Some((exchange, exchange.answer()?)))
    }

    /// How long an answer's head took, without what the judge itself was held up.
    pub(crate) fn waited(&self, exchange: &Exchange, answer: &Answer) -> Micros {
        let held_up = self.log.held_up_in(exchange.asked, answer.head);
        (answer.head - exchange.asked - held_up).max(0)
    }

    /// A span of time without what the judge itself was held up.
    pub(crate) fn span(&self, from: Micros, to: Micros) -> Micros {
        (to - from - self.log.held_up_in(from, to)).max(0)
    }

    pub(crate) fn init(&self, line: &Line<'_>, map: &Map) -> Option<&Init> {
        let url = reqwest::Url::parse(line.url).ok()?.join(&map.uri).ok()?;
        self.inits.get(&(line.index, url.into())).map(|init| init.as_ref())
    }

    /// The tracks of a whole segment.
    pub(crate) fn segment_runs(&self, line: &Line<'_>, msn: u64) -> Option<Vec<Run>> {
        self.segments.get(&(line.index, msn)).map(|runs| crate::mp4::joined(runs))
    }

    /// The tracks of a part.
    pub(crate) fn part_runs(&self, line: &Line<'_>, msn: u64, part: u64) -> Option<&'a [Run]> {
        self.parts.get(&(line.index, msn, part)).copied()
    }
}
