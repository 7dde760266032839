// Sends by npm's fluent-logger.
"use strict";

const { createFluentSender } = require("fluent-logger");
const { read, special } = require("./stdin.js");

async function main() {
  const { host, port, tag, options, records } = await read();
  const sender = createFluentSender(tag, { host, port, timeout: 30, ...options });
  sender.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  const emit = (record) =>
    new Promise((done, failed) => {
      sender.emit("app", record, (error) => (error ? failed(error) : done()));
    });
  await Promise.all([...records, special()].map(emit));
  await new Promise((done) => sender.end(null, null, done));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
