/** How a session is named by the commands that work in an open one. */
export const sessionFlag = {
  session: {
    type: "string",
    alias: "s",
    valueHint: "ID",
    complete: "open-session",
    description: "The session, or the beginning of its id; left out, the one that is open for this folder",
  },
} as const;
