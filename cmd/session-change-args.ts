/** How the commands that show or land a change name its session. */
export const changedSession = {
  id: {
    type: "positional",
    required: false,
    complete: "session",
    description:
      "The session, or the beginning of its id; left out, the latest of this folder that brought a change back",
  },
} as const;
