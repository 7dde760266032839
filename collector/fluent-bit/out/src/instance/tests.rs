//! Flushes against a receiver that acknowledges what it wants, when it wants.

#![allow(unsafe_code)] // an instance needs a host

use std::{
    ffi::c_void,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    ptr,
    sync::Barrier,
};

use bytes::BytesMut;
use trunkline_fluent_bit::abi::{Api, OutputContext, OutputPlugin};
use trunkline_forward::{
    EventTime, Limits, ack,
    msgpack::{write_array, write_map, write_str},
    server::{Event, Server},
};

use super::*;

/// A host without log and properties.
fn host() -> Arc<Host> {
    let api = Api {
        output_get_property: None,
        input_get_property: None,
        output_get_cmt_instance: None,
        input_get_cmt_instance: None,
        log_print: None,
        input_log_check: None,
        output_log_check: None,
    };
    let mut context = OutputContext { remote_context: ptr::null_mut() };
    let instance = ptr::null_mut::<c_void>();
    let mut plugin = OutputPlugin {
        name: ptr::null_mut(),
        api: &raw const api,
        instance,
        context: &raw mut context,
    };
    // SAFETY: it is as a host's, for the time of this call.
    Arc::new(unsafe { Host::of_output(&raw mut plugin, "test".to_owned()) }.unwrap())
}

struct Receiver(TcpListener);

/// One connection of the plugin's.
struct Connection {
    socket: TcpStream,
    server: Server,
    buffer: BytesMut,
}

impl Receiver {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn instance(&self, ack_timeout: &str) -> Instance {
        let address = self.0.local_addr().unwrap().to_string();
        let property = |key: &str| match key {
            "address" => Some(address.clone()),
            "ack_timeout" => Some(ack_timeout.to_owned()),
            _ => None,
        };
        Instance::start(Settings::read(property).unwrap(), host()).unwrap()
    }

    fn accept(&self) -> Connection {
        let (socket, _) = self.0.accept().unwrap();
        Connection { socket, server: Server::new(Limits::default()), buffer: BytesMut::new() }
    }
}

impl Connection {
    /// The id of the next message; `None` at the connection's end.
    fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(Event::Message(message)) = self.server.receive(&mut self.buffer).unwrap() {
                return Some(message.options.chunk.unwrap().to_vec());
            }
            let mut bytes = [0; 4096];
            match self.socket.read(&mut bytes) {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.buffer.extend_from_slice(&bytes[..read]),
            }
        }
    }

    fn ack(&mut self, id: &[u8]) {
        let mut out = Vec::new();
        ack::encode(id, &mut out);
        self.socket.write_all(&out).unwrap();
    }
}

fn event(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_array(&mut out, 2);
    EventTime::default().write(&mut out);
    write_map(&mut out, 1);
    write_str(&mut out, b"log");
    write_str(&mut out, text.as_bytes());
    out
}

#[test]
fn a_flush_is_done_when_it_is_acknowledged_and_not_before() {
    let receiver = Receiver::new();
    let instance = receiver.instance("1h");
    let asked = Barrier::new(2);
    thread::scope(|scope| {
        let flush = scope.spawn(|| instance.flush(&event("one"), b"pg"));
        scope.spawn(|| {
            let mut connection = receiver.accept();
            let id = connection.message().unwrap();
            asked.wait();
            connection.ack(&id);
        });
        assert!(!flush.is_finished());
        asked.wait();
        assert_eq!(flush.join().unwrap(), OK);
    });
    instance.stop();
}

#[test]
fn without_an_ack_it_is_to_be_tried_again_and_says_the_same_then() {
    let receiver = Receiver::new();
    let instance = receiver.instance("300ms");
    thread::scope(|scope| {
        let received = scope.spawn(|| {
            let first = receiver.accept().message().unwrap();
            let mut connection = receiver.accept();
            // What was given up may come once more before it comes again.
            let again = connection.message().unwrap();
            assert_eq!(first, again);
            connection.ack(&again);
            while let Some(id) = connection.message() {
                assert_eq!(first, id);
                connection.ack(&id);
            }
        });
        // The first connection ends when its message was read.
        let mut answer = RETRY;
        while answer == RETRY {
            answer = instance.flush(&event("one"), b"pg");
        }
        assert_eq!(answer, OK);
        instance.stop();
        received.join().unwrap();
    });
}

#[test]
fn a_receiver_that_never_answers_costs_a_retry_and_no_more() {
    let receiver = Receiver::new();
    let instance = receiver.instance("50ms");
    assert_eq!(instance.flush(&event("one"), b"pg"), RETRY);
    assert_eq!(instance.flush(&event("two"), b"pg"), RETRY);
    instance.stop();
}

#[test]
fn a_connection_that_breaks_costs_no_retry() {
    let receiver = Receiver::new();
    let instance = receiver.instance("1h");
    thread::scope(|scope| {
        let flush = scope.spawn(|| instance.flush(&event("one"), b"pg"));
        let first = receiver.accept().message().unwrap();
        let mut connection = receiver.accept();
        let again = connection.message().unwrap();
        assert_eq!(first, again);
        connection.ack(&again);
        assert_eq!(flush.join().unwrap(), OK);
    });
    instance.stop();
}

#[test]
fn eight_threads_are_each_told_of_their_own_chunk() {
    let receiver = Receiver::new();
    let instance = receiver.instance("1h");
    thread::scope(|scope| {
        let flush = |number: usize| {
            let instance = &instance;
            move || instance.flush(&event(&format!("chunk {number}")), b"pg")
        };
        let flushes: Vec<_> = (0..8).map(|number| scope.spawn(flush(number))).collect();
        let mut connection = receiver.accept();
        let mut ids: Vec<_> = (0..8).map(|_| connection.message().unwrap()).collect();
        let last = ids.remove(0);
        ids.iter().rev().for_each(|id| connection.ack(id));
        // All but one are told; that one waits.
        while flushes.iter().filter(|flush| flush.is_finished()).count() < 7 {
            thread::yield_now();
        }
        connection.ack(&last);
        assert!(flushes.into_iter().all(|flush| flush.join().unwrap() == OK));
    });
    instance.stop();
}

#[test]
fn an_end_tells_flushes_that_wait_and_those_that_come_later_to_try_again() {
    let receiver = Receiver::new();
    let instance = receiver.instance("1h");
    thread::scope(|scope| {
        let flush = scope.spawn(|| instance.flush(&event("one"), b"pg"));
        let mut connection = receiver.accept();
        assert!(connection.message().is_some());
        instance.stop();
        assert_eq!(flush.join().unwrap(), RETRY);
        assert_eq!(connection.message(), None, "its thread has ended, and its socket");
    });
    assert_eq!(instance.flush(&event("two"), b"pg"), RETRY);
    instance.stop();
}
