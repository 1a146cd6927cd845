# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rt_global_optspecs
    string join \n m/message= F/from-file= e/edit s/session= c/continue n/new model= edit-format= file= read= test= lint= max-cost= show-prompt dry-run no-commit review max-tokens= effort= temperature= top-p= top-k= min-p= seed= presence-penalty= frequency-penalty= repeat-penalty= mirostat= mirostat-tau= mirostat-eta= stop= config= json q/quiet y/yes h/help V/version
end

function __fish_rt_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rt_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rt_using_subcommand
    set -l cmd (__fish_rt_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rt -n "__fish_rt_needs_command" -s m -l message -d 'The message; words may stay unquoted up to the next flag. `-` reads it from standard input. May be repeated' -r
complete -c rt -n "__fish_rt_needs_command" -s F -l from-file -d 'Read the message from a file' -r
complete -c rt -n "__fish_rt_needs_command" -s s -l session -d 'Go on from a session or turn; a fork if it is not the last one' -r
complete -c rt -n "__fish_rt_needs_command" -l model -d 'The model for this message: provider/model, a short name such as flash or sonnet (rt model list --all), echo, manual, or replay:ADDRESS' -r
complete -c rt -n "__fish_rt_needs_command" -l edit-format -d 'How the model is to write edits' -r -f -a "auto\t''
search-replace\t''
whole-file\t''
unified-diff\t''
patch\t''"
complete -c rt -n "__fish_rt_needs_command" -l file -d 'Send a file that may be edited; may be repeated' -r
complete -c rt -n "__fish_rt_needs_command" -l read -d 'Send a file for reference only; may be repeated' -r
complete -c rt -n "__fish_rt_needs_command" -l test -d 'Run a command when the edits are written, and let the model mend what fails; may be repeated' -r
complete -c rt -n "__fish_rt_needs_command" -l lint -d 'The same before those, with the edited files where `{files}` stands; may be repeated' -r
complete -c rt -n "__fish_rt_needs_command" -l max-cost -d 'The most that this message may cost, in dollars; no request is sent that could take it over' -r
complete -c rt -n "__fish_rt_needs_command" -l max-tokens -d 'The most tokens that the answer may have' -r
complete -c rt -n "__fish_rt_needs_command" -l effort -d 'How much the model thinks: none, minimal, low, medium, high, xhigh or max' -r
complete -c rt -n "__fish_rt_needs_command" -l temperature -d 'How freely the next token is chosen; 0 takes the likeliest' -r
complete -c rt -n "__fish_rt_needs_command" -l top-p -d 'Choose from the likeliest tokens that make up this share' -r
complete -c rt -n "__fish_rt_needs_command" -l top-k -d 'Choose from so many of the likeliest tokens' -r
complete -c rt -n "__fish_rt_needs_command" -l min-p -d 'Choose from tokens with this share of the likeliest one\'s probability' -r
complete -c rt -n "__fish_rt_needs_command" -l seed -d 'Make the choice repeatable, where the provider can' -r
complete -c rt -n "__fish_rt_needs_command" -l presence-penalty -d 'Make tokens less likely that stand in the answer already' -r
complete -c rt -n "__fish_rt_needs_command" -l frequency-penalty -d 'The same, by how often they stand there' -r
complete -c rt -n "__fish_rt_needs_command" -l repeat-penalty -d 'Local models: make tokens less likely that were used lately' -r
complete -c rt -n "__fish_rt_needs_command" -l mirostat -d 'Local models: keep the surprise steady, by version 1 or 2' -r
complete -c rt -n "__fish_rt_needs_command" -l mirostat-tau -d 'Local models: the surprise that Mirostat keeps to' -r
complete -c rt -n "__fish_rt_needs_command" -l mirostat-eta -d 'Local models: how fast Mirostat adapts' -r
complete -c rt -n "__fish_rt_needs_command" -l stop -d 'A text at which the answer ends; may be repeated' -r
complete -c rt -n "__fish_rt_needs_command" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_needs_command" -s e -l edit -d 'Write the message in your editor'
complete -c rt -n "__fish_rt_needs_command" -s c -l continue -d 'Go on with this worktree\'s session'
complete -c rt -n "__fish_rt_needs_command" -s n -l new -d 'Begin a new session'
complete -c rt -n "__fish_rt_needs_command" -l show-prompt -d 'Print the exact request and stop'
complete -c rt -n "__fish_rt_needs_command" -l dry-run -d 'Ask and store, but write no file'
complete -c rt -n "__fish_rt_needs_command" -l no-commit -d 'Write the files, but do not commit'
complete -c rt -n "__fish_rt_needs_command" -l review -d 'Look at each change before it is written, and take it, leave it out or edit it'
complete -c rt -n "__fish_rt_needs_command" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_needs_command" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_needs_command" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_needs_command" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_needs_command" -s V -l version -d 'Print version'
complete -c rt -n "__fish_rt_needs_command" -f -a "apply" -d 'Take an answer from anywhere: read its edits, apply and commit them'
complete -c rt -n "__fish_rt_needs_command" -f -a "retry" -d 'Apply and commit stored edits again, without asking the model'
complete -c rt -n "__fish_rt_needs_command" -f -a "replay" -d 'Ask the exact same thing again and compare the answers'
complete -c rt -n "__fish_rt_needs_command" -f -a "undo" -d 'Take the last exchange back: its commit, its files and its place in the conversation'
complete -c rt -n "__fish_rt_needs_command" -f -a "redo" -d 'Bring the last undone exchange back'
complete -c rt -n "__fish_rt_needs_command" -f -a "log" -d 'Read turns like commits, the newest first'
complete -c rt -n "__fish_rt_needs_command" -f -a "show" -d 'Show a turn: the message, the answer and what came of it'
complete -c rt -n "__fish_rt_needs_command" -f -a "diff" -d 'Show what a turn changed, as a diff'
complete -c rt -n "__fish_rt_needs_command" -f -a "cost" -d 'Say what models have cost'
complete -c rt -n "__fish_rt_needs_command" -f -a "status" -d 'Show the session of this worktree, its files, and edits that wait'
complete -c rt -n "__fish_rt_needs_command" -f -a "session" -d 'List, choose, name and share sessions'
complete -c rt -n "__fish_rt_needs_command" -f -a "files" -d 'Choose the files that go along with every message of the session'
complete -c rt -n "__fish_rt_needs_command" -f -a "prompt" -d 'See what the next message would send'
complete -c rt -n "__fish_rt_needs_command" -f -a "config" -d 'Read and change settings'
complete -c rt -n "__fish_rt_needs_command" -f -a "model" -d 'See which models there are, whether they answer, and run servers for those of this machine'
complete -c rt -n "__fish_rt_needs_command" -f -a "init" -d 'Make `.retort/` in the project, for settings that belong to it'
complete -c rt -n "__fish_rt_needs_command" -f -a "trust" -d 'Allow this repository\'s own configuration to set commands, addresses, keys and templates'
complete -c rt -n "__fish_rt_needs_command" -f -a "index" -d 'Make the search database anew, or check it'
complete -c rt -n "__fish_rt_needs_command" -f -a "fsck" -d 'Verify everything that retort stored in this repository'
complete -c rt -n "__fish_rt_needs_command" -f -a "doctor" -d 'Say how this machine and this repository are set up, and what could go wrong'
complete -c rt -n "__fish_rt_needs_command" -f -a "demo" -d 'See the whole loop on a scratch repository, with a recorded model: no key, no network'
complete -c rt -n "__fish_rt_needs_command" -f -a "completions" -d 'Print a completion script'
complete -c rt -n "__fish_rt_needs_command" -f -a "man" -d 'Print the manual page, or write all of them into a directory'
complete -c rt -n "__fish_rt_needs_command" -f -a "debug" -d 'Look at the values between the steps'
complete -c rt -n "__fish_rt_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand apply" -l edit-format -d 'How its edits are written' -r -f -a "auto\t''
search-replace\t''
whole-file\t''
unified-diff\t''
patch\t''"
complete -c rt -n "__fish_rt_using_subcommand apply" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand apply" -l dry-run -d 'Read and store the edits, but write no file'
complete -c rt -n "__fish_rt_using_subcommand apply" -l no-commit -d 'Write the files, but do not commit'
complete -c rt -n "__fish_rt_using_subcommand apply" -l review -d 'Look at each change before it is written, and take it, leave it out or edit it'
complete -c rt -n "__fish_rt_using_subcommand apply" -s n -l new -d 'Begin a new session'
complete -c rt -n "__fish_rt_using_subcommand apply" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand apply" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand apply" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand apply" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand retry" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand retry" -l partial -d 'Take the edits that fit although others did not'
complete -c rt -n "__fish_rt_using_subcommand retry" -l no-commit -d 'Write the files, but do not commit'
complete -c rt -n "__fish_rt_using_subcommand retry" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand retry" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand retry" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand retry" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand replay" -l model -d 'Ask this model instead' -r
complete -c rt -n "__fish_rt_using_subcommand replay" -l edit-format -d 'How edits are read in both answers' -r -f -a "auto\t''
search-replace\t''
whole-file\t''
unified-diff\t''
patch\t''"
complete -c rt -n "__fish_rt_using_subcommand replay" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand replay" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand replay" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand replay" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand replay" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand undo" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand undo" -l keep-code -d 'Leave files and branch as they are'
complete -c rt -n "__fish_rt_using_subcommand undo" -l keep-chat -d 'Leave the conversation as it is'
complete -c rt -n "__fish_rt_using_subcommand undo" -l turn -d 'Take back only the last turn of the exchange'
complete -c rt -n "__fish_rt_using_subcommand undo" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand undo" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand undo" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand undo" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand redo" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand redo" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand redo" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand redo" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand redo" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand log" -s n -l max-count -d 'At most so many turns' -r
complete -c rt -n "__fish_rt_using_subcommand log" -l search -d 'Turns whose prompt or answer has these words' -r
complete -c rt -n "__fish_rt_using_subcommand log" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand log" -l all -d 'The turns of all sessions'
complete -c rt -n "__fish_rt_using_subcommand log" -l stat -d 'Show the files of each turn'
complete -c rt -n "__fish_rt_using_subcommand log" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand log" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand log" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand log" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand show" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand show" -l prompt -d 'Print the exact bytes that were sent to the model'
complete -c rt -n "__fish_rt_using_subcommand show" -l raw -d 'Print the exact bytes that came back'
complete -c rt -n "__fish_rt_using_subcommand show" -l answer -d 'Print the answer\'s text'
complete -c rt -n "__fish_rt_using_subcommand show" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand show" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand show" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand show" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand diff" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand diff" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand diff" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand diff" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand diff" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand cost" -l by -d 'What the sums are of' -r -f -a "session\t''
model\t''
day\t''"
complete -c rt -n "__fish_rt_using_subcommand cost" -l since -d 'Only calls since a date (2026-01-31), a time (2026-01-31T09:30:00Z) or so long ago (7d, 12h)' -r
complete -c rt -n "__fish_rt_using_subcommand cost" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand cost" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand cost" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand cost" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand cost" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand status" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand status" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand status" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand status" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand status" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "list" -d 'List sessions, the newest first'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "new" -d 'Begin a session without a message'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "checkout" -d 'Bring a turn\'s code and conversation into this worktree'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "resume" -d 'Go on with a turn\'s conversation; files stay as they are'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "set" -d 'Keep a setting in this worktree\'s session'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "compact" -d 'Sum this worktree\'s session up, so that it goes on with less to read'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "rename" -d 'Give a session another name'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "push" -d 'Send sessions to a remote, after showing what leaves'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "fetch" -d 'Fetch the sessions of a remote'
complete -c rt -n "__fish_rt_using_subcommand session; and not __fish_seen_subcommand_from list new checkout resume set compact rename push fetch help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from list" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from list" -l all -d 'Also those that were left behind by an undo'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from list" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from new" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from new" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from new" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from checkout" -l worktree -d 'Make a worktree for it in this directory instead' -r -F
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from checkout" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from checkout" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from checkout" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from checkout" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from checkout" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from resume" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from resume" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from resume" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from set" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from set" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from set" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from compact" -l model -d 'The model that sums up; else `model.weak`, else `model.default`' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from compact" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from compact" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from compact" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from compact" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from compact" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from rename" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from rename" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from rename" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from push" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from push" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from push" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from fetch" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from fetch" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from fetch" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from fetch" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from fetch" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "list" -d 'List sessions, the newest first'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "new" -d 'Begin a session without a message'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "checkout" -d 'Bring a turn\'s code and conversation into this worktree'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Go on with a turn\'s conversation; files stay as they are'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "set" -d 'Keep a setting in this worktree\'s session'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "compact" -d 'Sum this worktree\'s session up, so that it goes on with less to read'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "rename" -d 'Give a session another name'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "push" -d 'Send sessions to a remote, after showing what leaves'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "fetch" -d 'Fetch the sessions of a remote'
complete -c rt -n "__fish_rt_using_subcommand session; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -f -a "add" -d 'Add files to the session'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -f -a "rm" -d 'Take files out of the session'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -f -a "list" -d 'List the session\'s files'
complete -c rt -n "__fish_rt_using_subcommand files; and not __fish_seen_subcommand_from add rm list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from add" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from add" -l read-only -d 'The model may read, but not edit them'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from add" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from add" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from rm" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from rm" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from list" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from list" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add files to the session'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Take files out of the session'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the session\'s files'
complete -c rt -n "__fish_rt_using_subcommand files; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand prompt; and not __fish_seen_subcommand_from show help" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand prompt; and not __fish_seen_subcommand_from show help" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand prompt; and not __fish_seen_subcommand_from show help" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand prompt; and not __fish_seen_subcommand_from show help" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand prompt; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand prompt; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Show the parts of the next request with their tokens'
complete -c rt -n "__fish_rt_using_subcommand prompt; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from show" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from show" -l count -d 'Let the provider count the whole; it is sent the request, and answers with the number only'
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from show" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the parts of the next request with their tokens'
complete -c rt -n "__fish_rt_using_subcommand prompt; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "init" -d 'Write a commented configuration file of your own'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "get" -d 'Print one setting\'s value'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "set" -d 'Set a value in your own configuration file'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "show" -d 'Print all settings and their values'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "check" -d 'Check all configuration files'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "path" -d 'Print where your own configuration file is'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "schema" -d 'Print a JSON schema for editors'
complete -c rt -n "__fish_rt_using_subcommand config; and not __fish_seen_subcommand_from init get set show check path schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from init" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from init" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from init" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from get" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from get" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from get" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from set" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from set" -l project -d 'Set it in the project\'s `.retort/config.toml` instead'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from set" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from set" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say where each value comes from'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from check" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from path" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from path" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from schema" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from schema" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from schema" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "init" -d 'Write a commented configuration file of your own'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "get" -d 'Print one setting\'s value'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set a value in your own configuration file'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print all settings and their values'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check all configuration files'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "path" -d 'Print where your own configuration file is'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "schema" -d 'Print a JSON schema for editors'
complete -c rt -n "__fish_rt_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "list" -d 'List the models that can be asked: those of providers that have a key, and of servers that run'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "show" -d 'Show everything that is known about a model, and how it would be asked'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "test" -d 'Ask models a small question, to see whether they answer'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "login" -d 'Keep the key of a provider, for you alone'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "scan" -d 'List the model files and the running servers of this machine'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "serve" -d 'Start llama.cpp\'s server for a model, unless one runs already'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "stop" -d 'Stop servers that `rt model serve` has started, and no others'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "ps" -d 'List the servers that `rt model serve` has started'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "bench" -d 'Measure a server of this machine: time to the first word, tokens a second'
complete -c rt -n "__fish_rt_using_subcommand model; and not __fish_seen_subcommand_from list show test login scan serve stop ps bench help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from list" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from list" -l all -d 'The models of providers without a key, too'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from list" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from show" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from show" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from test" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from test" -l all -d 'Try tools, schemas and pictures, too; one more question for each'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from test" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from test" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from login" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from login" -l remove -d 'Forget the key that is kept'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from login" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from login" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from login" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from scan" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from scan" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from scan" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from scan" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from scan" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l port -d 'The port it listens on, on this machine only' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l ctx -d 'How many tokens of context; as a rule 16384, or what the model was trained on if that is less' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l ngl -d 'How many layers go to the graphics card: a number, `auto` or `all`' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l flash-attn -d 'Whether flash attention is used' -r -f -a "on\t''
off\t''
auto\t''"
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l threads -d 'How many threads it computes with' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l force -d 'Start it even if the memory does not seem to suffice'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from stop" -l grace -d 'How many seconds a server may take to end by itself before it is killed' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from stop" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from stop" -l all -d 'All of them'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from stop" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from stop" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from ps" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from ps" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from ps" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from ps" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from ps" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -l model -d 'A model as `provider/model`, of a provider with an address of its own' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -l tokens -d 'How many tokens an answer has' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -l runs -d 'How often it is asked' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from bench" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the models that can be asked: those of providers that have a key, and of servers that run'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show everything that is known about a model, and how it would be asked'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "test" -d 'Ask models a small question, to see whether they answer'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "login" -d 'Keep the key of a provider, for you alone'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "scan" -d 'List the model files and the running servers of this machine'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Start llama.cpp\'s server for a model, unless one runs already'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Stop servers that `rt model serve` has started, and no others'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "ps" -d 'List the servers that `rt model serve` has started'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "bench" -d 'Measure a server of this machine: time to the first word, tokens a second'
complete -c rt -n "__fish_rt_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand init" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand init" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand init" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand init" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand init" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand trust" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand trust" -l revoke -d 'Take the trust back'
complete -c rt -n "__fish_rt_using_subcommand trust" -l status -d 'Only say how things stand'
complete -c rt -n "__fish_rt_using_subcommand trust" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand trust" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand trust" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand trust" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -f -a "rebuild" -d 'Make this repository\'s part anew from its refs'
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -f -a "check" -d 'Compare it with the refs, row by row'
complete -c rt -n "__fish_rt_using_subcommand index; and not __fish_seen_subcommand_from rebuild check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from rebuild" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from rebuild" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from rebuild" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from check" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from check" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from check" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "rebuild" -d 'Make this repository\'s part anew from its refs'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "check" -d 'Compare it with the refs, row by row'
complete -c rt -n "__fish_rt_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand fsck" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand fsck" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand fsck" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand fsck" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand fsck" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand doctor" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand doctor" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand doctor" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand doctor" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand demo" -l dir -d 'Make the scratch repository here instead of in the temporary directory' -r
complete -c rt -n "__fish_rt_using_subcommand demo" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand demo" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand demo" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand demo" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand demo" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand completions" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand completions" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand completions" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand completions" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand completions" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand man" -l dir -d 'Write rt.1 and a page for each command into this directory' -r
complete -c rt -n "__fish_rt_using_subcommand man" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand man" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand man" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand man" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand man" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "gen" -d 'Print a generated document: cli.md, config.md, config.schema.json or providers.md'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "edits" -d 'Make the edits of answers: JSON lines with files, answer and format in, files and issues out'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "reply" -d 'Read an answer on standard input and print the edits in it as JSON'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "wire" -d 'Read a provider\'s response on standard input and print the model\'s events, as JSON lines'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "stream" -d 'Ask a model and keep its answer in a file as it arrives; no turn is made'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "body" -d 'Print the body of a request: a fixed conversation, as a provider is told it'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "turn" -d 'Print the stored files of a turn as JSON'
complete -c rt -n "__fish_rt_using_subcommand debug; and not __fish_seen_subcommand_from gen edits reply wire stream body turn help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from gen" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from gen" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from gen" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from gen" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from gen" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from edits" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from edits" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from edits" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from edits" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from edits" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from reply" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from reply" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from reply" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from reply" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from reply" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -l provider -d 'The protocol, or the provider: anthropic, gemini, openai-chat, openai-responses, xai, ollama, claude-cli, codex-cli …' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -l chunk -d 'Read so many bytes at a time; all at once without it' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -l status -d 'The HTTP status that it came with' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from wire" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -l model -d 'The model' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -l streams -d 'Ask so many times at once; with more than one, no text is shown' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -l to -d 'The directory for the files, one for each answer: 1, 2 …' -r -F
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from stream" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -l provider -d 'The protocol, or the provider, as for `wire`' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -l sample -d 'The conversation' -r -f -a "text\t''
tools\t''
schema\t''
document\t''
everything\t''"
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -l model -d 'The model\'s name in it' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -l answer -d 'Read the provider\'s response to it on standard input, and go on from there'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from body" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from turn" -l config -d 'Set a configuration key for this run, such as `vcs.commit=off`; may be repeated' -r
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from turn" -l json -d 'Print results, or what happens, as JSON, one object a line (docs/formats/events.md)'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from turn" -s q -l quiet -d 'Say nothing but results, warnings and errors'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from turn" -s y -l yes -d 'Answer every question with yes'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from turn" -s h -l help -d 'Print help'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "gen" -d 'Print a generated document: cli.md, config.md, config.schema.json or providers.md'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "edits" -d 'Make the edits of answers: JSON lines with files, answer and format in, files and issues out'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "reply" -d 'Read an answer on standard input and print the edits in it as JSON'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "wire" -d 'Read a provider\'s response on standard input and print the model\'s events, as JSON lines'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "stream" -d 'Ask a model and keep its answer in a file as it arrives; no turn is made'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "body" -d 'Print the body of a request: a fixed conversation, as a provider is told it'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "turn" -d 'Print the stored files of a turn as JSON'
complete -c rt -n "__fish_rt_using_subcommand debug; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "apply" -d 'Take an answer from anywhere: read its edits, apply and commit them'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "retry" -d 'Apply and commit stored edits again, without asking the model'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "replay" -d 'Ask the exact same thing again and compare the answers'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "undo" -d 'Take the last exchange back: its commit, its files and its place in the conversation'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "redo" -d 'Bring the last undone exchange back'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "log" -d 'Read turns like commits, the newest first'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "show" -d 'Show a turn: the message, the answer and what came of it'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "diff" -d 'Show what a turn changed, as a diff'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "cost" -d 'Say what models have cost'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "status" -d 'Show the session of this worktree, its files, and edits that wait'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "session" -d 'List, choose, name and share sessions'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "files" -d 'Choose the files that go along with every message of the session'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "prompt" -d 'See what the next message would send'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "config" -d 'Read and change settings'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "model" -d 'See which models there are, whether they answer, and run servers for those of this machine'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "init" -d 'Make `.retort/` in the project, for settings that belong to it'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "trust" -d 'Allow this repository\'s own configuration to set commands, addresses, keys and templates'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "index" -d 'Make the search database anew, or check it'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "fsck" -d 'Verify everything that retort stored in this repository'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "doctor" -d 'Say how this machine and this repository are set up, and what could go wrong'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "demo" -d 'See the whole loop on a scratch repository, with a recorded model: no key, no network'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "completions" -d 'Print a completion script'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "man" -d 'Print the manual page, or write all of them into a directory'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "debug" -d 'Look at the values between the steps'
complete -c rt -n "__fish_rt_using_subcommand help; and not __fish_seen_subcommand_from apply retry replay undo redo log show diff cost status session files prompt config model init trust index fsck doctor demo completions man debug help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "list" -d 'List sessions, the newest first'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "new" -d 'Begin a session without a message'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "checkout" -d 'Bring a turn\'s code and conversation into this worktree'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "resume" -d 'Go on with a turn\'s conversation; files stay as they are'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "set" -d 'Keep a setting in this worktree\'s session'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "compact" -d 'Sum this worktree\'s session up, so that it goes on with less to read'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "rename" -d 'Give a session another name'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "push" -d 'Send sessions to a remote, after showing what leaves'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from session" -f -a "fetch" -d 'Fetch the sessions of a remote'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from files" -f -a "add" -d 'Add files to the session'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from files" -f -a "rm" -d 'Take files out of the session'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from files" -f -a "list" -d 'List the session\'s files'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from prompt" -f -a "show" -d 'Show the parts of the next request with their tokens'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "init" -d 'Write a commented configuration file of your own'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "get" -d 'Print one setting\'s value'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "set" -d 'Set a value in your own configuration file'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print all settings and their values'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Check all configuration files'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "path" -d 'Print where your own configuration file is'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "schema" -d 'Print a JSON schema for editors'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "list" -d 'List the models that can be asked: those of providers that have a key, and of servers that run'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "show" -d 'Show everything that is known about a model, and how it would be asked'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "test" -d 'Ask models a small question, to see whether they answer'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "login" -d 'Keep the key of a provider, for you alone'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "scan" -d 'List the model files and the running servers of this machine'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "serve" -d 'Start llama.cpp\'s server for a model, unless one runs already'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "stop" -d 'Stop servers that `rt model serve` has started, and no others'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "ps" -d 'List the servers that `rt model serve` has started'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "bench" -d 'Measure a server of this machine: time to the first word, tokens a second'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "rebuild" -d 'Make this repository\'s part anew from its refs'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "check" -d 'Compare it with the refs, row by row'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from debug" -f -a "gen" -d 'Print a generated document: cli.md, config.md, config.schema.json or providers.md'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from debug" -f -a "edits" -d 'Make the edits of answers: JSON lines with files, answer and format in, files and issues out'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from debug" -f -a "reply" -d 'Read an answer on standard input and print the edits in it as JSON'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from debug" -f -a "wire" -d 'Read a provider\'s response on standard input and print the model\'s events, as JSON lines'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from debug" -f -a "stream" -d 'Ask a model and keep its answer in a file as it arrives; no turn is made'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from debug" -f -a "body" -d 'Print the body of a request: a fixed conversation, as a provider is told it'
complete -c rt -n "__fish_rt_using_subcommand help; and __fish_seen_subcommand_from debug" -f -a "turn" -d 'Print the stored files of a turn as JSON'
