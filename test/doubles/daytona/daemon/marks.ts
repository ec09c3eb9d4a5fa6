/** Takes a log apart: three bytes 1 or three bytes 2 in a row say which stream the bytes after them are of. */
export function splitMarks(log: Buffer): { stdout: Buffer; stderr: Buffer } {
  const streams = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let stream: "stdout" | "stderr" = "stdout";
  let from = 0;
  for (let at = 0; at + 2 < log.length; ) {
    const byte = log[at];
    if ((byte === 1 || byte === 2) && log[at + 1] === byte && log[at + 2] === byte) {
      streams[stream].push(log.subarray(from, at));
      stream = byte === 1 ? "stdout" : "stderr";
      at += 3;
      from = at;
    } else {
      at += 1;
    }
  }
  streams[stream].push(log.subarray(from));
  return { stdout: Buffer.concat(streams.stdout), stderr: Buffer.concat(streams.stderr) };
}

export function stripMarks(log: Buffer): Buffer {
  return Buffer.from(log.toString("latin1").replace(/\x01\x01\x01|\x02\x02\x02/g, ""), "latin1");
}
