// Sends by npm's @fluent-org/logger.
"use strict";

const { FluentClient } = require("@fluent-org/logger");
const { read, special } = require("./stdin.js");

async function main() {
  const { host, port, tag, options, records } = await read();
  const { tls, ...others } = options;
  const client = new FluentClient(tag, {
    socket: { host, port, timeout: 30_000, tls },
    disconnect: { waitOnFlush: true, waitOnPending: true },
    ...others,
  });
  const sent = [...records, special()].map((record) => client.emit("app", record));
  await client.flush();
  await Promise.all(sent);
  await client.shutdown();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
