//! What the status page tells of one stream beyond its positions.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use trunkline_record::Source;

/// So many growths of a file are told apart for the age of what isn't acknowledged; beyond that,
/// neighbours are counted as one, with the earlier time.
const MARKS: usize = 32;

/// How a stream is getting on.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The name under which its file was last seen.
    pub path: PathBuf,
    /// The format in which it is read; absent while that isn't known.
    pub format: Option<String>,
    /// Whose it is, as it was last said in a forward chunk, or as it was when the file was opened.
    pub source: Arc<Source>,
    /// Records packed since the collector started, rejected ones included.
    pub records: u64,
    /// Rejected ones among them.
    pub rejected: u64,
    /// When the last record was written, by its own word: microseconds since 1970.
    pub last_record: Option<i64>,
    /// The last thing that went wrong, and when.
    pub error: Option<(SystemTime, String)>,
    /// Up to where the file had grown, and when that was seen; in order.
    grown: VecDeque<(u64, Instant)>,
}

impl Progress {
    /// The file was opened.
    pub fn opened(&mut self, path: &Path, source: Arc<Source>) {
        path.clone_into(&mut self.path);
        self.source = source;
        self.error = None;
    }

    /// A forward chunk was closed: so many records and rejected ones, the last of them written then.
    pub fn packed(
        &mut self,
        source: &Arc<Source>,
        records: u32,
        rejected: u32,
        last_record: Option<i64>,
    ) {
        self.source = Arc::clone(source);
        self.records += u64::from(records) + u64::from(rejected);
        self.rejected += u64::from(rejected);
        self.last_record = last_record.or(self.last_record);
    }

    /// Something went wrong.
    pub fn failed(&mut self, error: String) {
        self.error = Some((SystemTime::now(), error));
    }

    /// The file has this size, and this much of it is acknowledged.
    pub fn sized(&mut self, size: u64, acked: u64, now: Instant) {
        self.acknowledged(acked);
        match self.grown.back() {
            // It was cut.
            Some(&(end, _)) if size < end => self.grown.clear(),
            Some(&(end, _)) if size == end => return,
            _ => {}
        }
        if size <= acked {
            return;
        }
        if self.grown.len() == MARKS {
            let marks = std::mem::take(&mut self.grown);
            let pairs: Vec<_> = marks.into_iter().collect();
            let halved = pairs.chunks(2).filter_map(|pair| Some((pair.last()?.0, pair.first()?.1)));
            self.grown = halved.collect();
        }
        self.grown.push_back((size, now));
    }

    /// Everything below `acked` is acknowledged.
    pub fn acknowledged(&mut self, acked: u64) {
        while self.grown.front().is_some_and(|&(end, _)| end <= acked) {
            self.grown.pop_front();
        }
    }

    /// For how long the oldest byte that isn't acknowledged has been seen in the file.
    pub fn lag_age(&self, now: Instant) -> Duration {
        let oldest = self.grown.front();
        oldest.map_or(Duration::ZERO, |&(_, since)| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_oldest_byte_that_is_not_acknowledged() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let age = |progress: &Progress, seconds| progress.lag_age(at(seconds)).as_secs();
        assert_eq!(age(&progress, 5), 0, "nothing is there");
        progress.sized(100, 0, at(0));
        progress.sized(100, 0, at(3));
        progress.sized(200, 0, at(4));
        assert_eq!(age(&progress, 10), 10);
        progress.acknowledged(50);
        assert_eq!(age(&progress, 10), 10);
        progress.acknowledged(100);
        assert_eq!(age(&progress, 10), 6);
        progress.acknowledged(200);
        assert_eq!(age(&progress, 10), 0);
        progress.sized(200, 200, at(11));
        assert_eq!(age(&progress, 12), 0, "nothing new");
        progress.sized(300, 200, at(12));
        progress.sized(20, 0, at(14));
        assert_eq!(age(&progress, 15), 1, "cut, and written anew");
    }

    #[test]
    fn however_often_a_file_grows_the_age_is_never_too_small_and_the_memory_bounded() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for second in 0..1000 {
            progress.sized((second + 1) * 10, 0, at(second));
        }
        assert!(progress.grown.len() <= MARKS);
        assert_eq!(progress.lag_age(at(1000)).as_secs(), 1000);
        for second in 0..999 {
            progress.acknowledged(second * 10 + 10);
            // The byte behind was seen one second later.
            let oldest = 1000 - (second + 1);
            assert!(progress.lag_age(at(1000)).as_secs() >= oldest);
        }
    }
}
