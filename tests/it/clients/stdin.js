// What both programs share: their orders, and a record of values that JSON hasn't.
"use strict";

exports.read = async () => {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
};

exports.special = () => ({
  message: "special",
  bytes: Buffer.from([0x41, 0xff, 0x00, 0x5c]),
  nan: NaN,
  infinite: -Infinity,
  nul: "a\0b",
});
