# Reports long commands of a shell: `track make test` runs `make test`, and its
# session shows whether it works, completed or failed. To install it, copy this
# file to ~/.config/fish/functions/.
#
# The session has the name of the directory and the command, `sstat-make` for
# example. Other commands cost nothing: no hook of the prompt is used.
function track --description 'Run a command and report it to sstat' --wraps env
    sstat push (path basename $PWD)-(path basename $argv[1]) working "$argv" --tail -- $argv
end
