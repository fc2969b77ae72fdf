# Reports long commands of a shell: `track make test` runs `make test`, and its
# session shows whether it works, completed or failed. For ~/.bashrc and
# ~/.zshrc:
#
#     . /usr/share/doc/sstat/contrib/shell/track.sh
#
# The session has the name of the directory and the command, `sstat-make` for
# example. Other commands cost nothing: no hook of the prompt is used.
track() {
    # zsh and bash expand these parts alike.
    sstat push "${PWD##*/}-${1##*/}" working "$*" --tail -- "$@"
}
if [ -n "${ZSH_VERSION:-}" ] && command -v compdef >/dev/null; then
    # Completes the command and its arguments.
    compdef _precommand track
fi
