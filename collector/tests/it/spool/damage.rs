//! Segments that were damaged while the collector was down.

use super::*;

/// Damages what stands at `place` (0 to 1) of the spool as a whole.
fn damage(scene: &Scene, place: f64, with: impl Fn(&mut Vec<u8>, usize)) {
    let dir = scene.config.state_dir.join("spool");
    let numbers = segment::numbers(&dir).unwrap();
    let sizes =
        numbers.iter().map(|&number| fs::metadata(segment::path(&dir, number)).unwrap().len());
    let sizes: Vec<u64> = sizes.collect();
    let mut at = (place * sizes.iter().sum::<u64>() as f64) as u64;
    for (&number, &size) in numbers.iter().zip(&sizes) {
        if at < size {
            let path = segment::path(&dir, number);
            let mut bytes = fs::read(&path).unwrap();
            with(&mut bytes, at as usize);
            fs::write(&path, bytes).unwrap();
            return;
        }
        at -= size;
    }
}

#[tokio::test]
async fn what_is_damaged_is_read_from_its_file_again() {
    for (n, place) in [0.02, 0.3, 0.31, 0.5, 0.7, 0.99].into_iter().enumerate() {
        let scene = scene(ByteSize::mib(16)).await;
        let written = killed_with_a_backlog(&scene).await;
        match n % 3 {
            0 => damage(&scene, place, |bytes, at| bytes[at] ^= 0x20),
            1 => damage(&scene, place, |bytes, at| bytes.truncate(at)),
            _ => damage(&scene, place, |bytes, at| bytes[at..].iter_mut().for_each(|b| *b = 0)),
        }
        scene.receiver.decide(|_| Fate::Ack);
        let running = Running::start(scene.config.clone());
        scene
            .receiver
            .wait("all rows", |state| {
                let rows = rows(state);
                written
                    .iter()
                    .all(|(path, texts)| rows.get(path).is_some_and(|r| r.len() >= texts.len()))
            })
            .await;
        running.stop().await;
        scene.receiver.look(|state| {
            let mut rows = rows(state);
            rows.remove(Path::new("trunkline-collector"));
            assert!(rows == written, "place {place}");
            assert_eq!(state.breaches, Vec::<String>::new());
        });
    }
}

#[tokio::test]
async fn what_is_damaged_and_gone_is_said_and_all_else_arrives() {
    for place in [0.05, 0.4, 0.6] {
        let scene = scene(ByteSize::mib(16)).await;
        let written = killed_with_a_backlog(&scene).await;
        for path in written.keys() {
            fs::remove_file(path).unwrap();
        }
        damage(&scene, place, |bytes, at| bytes[at] ^= 1);
        scene.receiver.decide(|_| Fate::Ack);
        let running = Running::start(scene.config.clone());
        let said = |state: &State| {
            rows(state).remove(Path::new("trunkline-collector")).unwrap_or_default()
        };
        let last: Vec<&String> = written.values().map(|texts| texts.last().unwrap()).collect();
        scene
            .receiver
            .wait("the last rows and the notice", |state| {
                let rows = rows(state);
                let has = |text: &&String| rows.values().any(|texts| texts.last() == Some(text));
                last.iter().all(has) && !said(state).is_empty()
            })
            .await;
        running.stop().await;
        scene.receiver.look(|state| {
            assert_eq!(state.breaches, Vec::<String>::new());
            let notices = said(state);
            assert_eq!(notices.len(), 1, "{notices:?}");
            assert!(notices[0].ends_with(": the spool is damaged"), "{notices:?}");
            let missing: usize = written
                .iter()
                .map(|(path, texts)| texts.len() - rows(state).get(path).map_or(0, Vec::len))
                .sum();
            // One frame, of which it is known how many records it had, unless its head was hit.
            let known = notices[0].strip_prefix("dropped ").unwrap().split_once(" records of ");
            if let Some((count, _)) = known {
                assert_eq!(count.parse(), Ok(missing), "{notices:?}");
            }
            assert!((1..50).contains(&missing), "{missing} rows are missing; {notices:?}");
        });
    }
}
