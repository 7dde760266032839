// Receives by npm's @fluent-org/logger: one line of JSON on standard output for each entry, and one before them once it listens.
"use strict";

const fs = require("node:fs");
const { FluentServer } = require("@fluent-org/logger");
const { read } = require("./stdin.js");

// Synchronously: a process that is told to end has written whole lines.
const say = (line) => {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`);
  while (rest.length > 0) rest = rest.subarray(fs.writeSync(1, rest));
};

async function main() {
  const { port, security, tls, keepalive } = await read();
  const server = new FluentServer({
    listenOptions: { host: "127.0.0.1", port },
    security,
    tlsOptions: tls,
  });
  // As Fluentd does with deny_keepalive: it says so in HELO, and closes after an ack.
  if (!keepalive) {
    server.keepalive = false;
    let connections = 0;
    server.server.prependListener(tls ? "secureConnection" : "connection", (socket) => {
      const connection = connections++;
      const write = socket.write.bind(socket);
      socket.write = (data) => {
        const sent = write(data);
        if (Buffer.from(data).subarray(0, 5).equals(Buffer.from("\x81\xa3ack", "latin1"))) {
          say({ connection });
          socket.end();
        }
        return sent;
      };
    });
  }
  server.on("entry", (tag, time, record) => {
    say({ tag, time: [time.epoch, time.nano], record });
  });
  await server.listen();
  say({ listening: server.port });
}

process.on("SIGTERM", () => process.exit(0));
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
