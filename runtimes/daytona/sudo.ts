/** Lines of a script that set `glue_sudo` to what makes a command root's, where that needs no password, else to nothing. */
export const SUDO = `glue_sudo=
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then glue_sudo='sudo -n'; fi
`;
