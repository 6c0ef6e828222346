# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_fix502_global_optspecs
    string join \n root= config= via= proxy= proxies= deadline= since= attempts= format= output= ci color= width= q/quiet v/verbose step= skip= h/help V/version
end

function __fish_fix502_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_fix502_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_fix502_using_subcommand
    set -l cmd (__fish_fix502_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c fix502 -n "__fish_fix502_needs_command" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_needs_command" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_needs_command" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_needs_command" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_needs_command" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_needs_command" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_needs_command" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_needs_command" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_needs_command" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_needs_command" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_needs_command" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_needs_command" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_needs_command" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_needs_command" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_needs_command" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_needs_command" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_needs_command" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_needs_command" -s V -l version -d 'Print version'
complete -c fix502 -n "__fish_fix502_needs_command" -a "route" -d 'Follow a URL through the configuration to its upstream'
complete -c fix502 -n "__fish_fix502_needs_command" -a "demo" -d 'Break a small host inside the program, and diagnose it'
complete -c fix502 -n "__fish_fix502_needs_command" -a "triage" -d 'Diagnose whatever was sent: logs, configurations, responses, tickets, bundles'
complete -c fix502 -n "__fish_fix502_needs_command" -a "completions" -d 'Print the completions for a shell'
complete -c fix502 -n "__fish_fix502_needs_command" -a "man" -d 'Print the manual page'
complete -c fix502 -n "__fish_fix502_needs_command" -a "retry" -d 'Step 1: ask again, and look at the proxy service'
complete -c fix502 -n "__fish_fix502_needs_command" -a "probe" -d 'Step 2: ask the upstream what the proxy asks it'
complete -c fix502 -n "__fish_fix502_needs_command" -a "lint" -d 'Step 3: read the proxy\'s configuration'
complete -c fix502 -n "__fish_fix502_needs_command" -a "firewall" -d 'Step 4: would a packet filter stop the proxy?'
complete -c fix502 -n "__fish_fix502_needs_command" -a "timeouts" -d 'Step 5: compare what the upstream takes with what it is given'
complete -c fix502 -n "__fish_fix502_needs_command" -a "dns" -d 'Step 6: compare what each name server says'
complete -c fix502 -n "__fish_fix502_needs_command" -a "proxy" -d 'Step 7: ask by another way'
complete -c fix502 -n "__fish_fix502_needs_command" -a "bundle" -d 'Step 8: write what the hosting provider needs into one file'
complete -c fix502 -n "__fish_fix502_needs_command" -a "explain" -d 'Explain a cause, a step, how to read a verdict, or a line of a log'
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l proxy-kind -d 'Whose configuration the files are [default: told from the files]' -r -f -a "nginx\t'nginx'
apache\t'Apache httpd 2.4'
squid\t'Squid'"
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand route" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand route" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand route" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand route" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -l list -d 'List the faults and stop'
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -l since -d 'Of the logs only so much before their newest line: 10m, 6h, 2d, all [default: all]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand triage" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand completions" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand completions" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand completions" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand completions" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand completions" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand man" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand man" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand man" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand man" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand man" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l fail-on -d 'Exit with 1 from this level on [default: error]' -r -f -a "error\t'the server refuses it, or users get an error'
warning\t'also what may hurt users'"
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l proxy-kind -d 'Whose configuration the files are [default: told from the files]' -r -f -a "nginx\t'nginx'
apache\t'Apache httpd 2.4'
squid\t'Squid'"
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand lint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand firewall" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand timeouts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand dns" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l include -d 'Put this file, or the files of this directory, into the bundle, redacted (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l root -d 'Take files from this directory instead of / (a container\'s root, a mounted disk)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l config -d 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l via -d 'The forward proxy that the failing request goes through; it is then the suspect' -r
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l proxy -d 'Another way to try in step 7 (repeatable)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l proxies -d 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l deadline -d 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l since -d 'Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l attempts -d 'Ask the URL so many times, 1 to 100 [default: 5]' -r
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l format -d 'The format of the report [default: text]' -r -f -a "text\t'for a person'
json\t'fix502.report/v1, for a program'
html\t'one page for a browser, with everything in it'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit XML, for CI systems that show tests'
github\t'annotations of a GitHub workflow'
markdown\t'Markdown, for a ticket or a pull request'"
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l output -d 'Write to this file instead of stdout' -r -F
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l step -d 'Take only this step, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l skip -d 'Leave this step out, by id or number (repeatable)' -r -f -a "retry\t''
upstream\t''
config\t''
firewall\t''
timeouts\t''
dns\t''
route\t''
bundle\t''"
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l dry-run -d 'List every file that was read, every command that was run and every file of the bundle; write nothing'
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l keep-addresses -d 'Leave addresses and host names as they are; without it each becomes a pseudonym, and the map is written beside the bundle'
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l selftest -d 'Plant known secrets into the evidence of this host, or of the bundle named instead of a URL, make a bundle of it and look for them; write nothing'
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand bundle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fix502 -n "__fish_fix502_using_subcommand explain" -l color -d 'When to use colour; NO_COLOR is honoured' -r -f -a "auto\t'on a terminal that can, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c fix502 -n "__fish_fix502_using_subcommand explain" -l width -d 'Columns of the report, 20 to 1000 (default: those of the terminal)' -r
complete -c fix502 -n "__fish_fix502_using_subcommand explain" -l ci -l non-interactive -d 'Never ask, take all steps at once; also so when stdin or stdout is no terminal'
complete -c fix502 -n "__fish_fix502_using_subcommand explain" -s q -l quiet -d 'Only verdict and repair'
complete -c fix502 -n "__fish_fix502_using_subcommand explain" -s v -l verbose -d 'All findings and all evidence; twice: also what fix502 asked'
complete -c fix502 -n "__fish_fix502_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
