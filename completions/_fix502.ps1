
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'fix502' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'fix502'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'fix502' {
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('route', 'route', [CompletionResultType]::ParameterValue, 'Follow a URL through the configuration to its upstream')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Break a small host inside the program, and diagnose it')
            [CompletionResult]::new('triage', 'triage', [CompletionResultType]::ParameterValue, 'Diagnose what was recorded elsewhere')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Step 1: ask again, and look at the proxy service')
            [CompletionResult]::new('probe', 'probe', [CompletionResultType]::ParameterValue, 'Step 2: ask the upstream what the proxy asks it')
            [CompletionResult]::new('lint', 'lint', [CompletionResultType]::ParameterValue, 'Step 3: read the proxy''s configuration')
            [CompletionResult]::new('firewall', 'firewall', [CompletionResultType]::ParameterValue, 'Step 4: would a packet filter stop the proxy?')
            [CompletionResult]::new('timeouts', 'timeouts', [CompletionResultType]::ParameterValue, 'Step 5: compare what the upstream takes with what it is given')
            [CompletionResult]::new('dns', 'dns', [CompletionResultType]::ParameterValue, 'Step 6: compare what each name server says')
            [CompletionResult]::new('proxy', 'proxy', [CompletionResultType]::ParameterValue, 'Step 7: ask by another way')
            [CompletionResult]::new('bundle', 'bundle', [CompletionResultType]::ParameterValue, 'Step 8: write what the hosting provider needs into one file')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a cause, a step, or how to read a verdict')
            break
        }
        'fix502;route' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--proxy-kind', '--proxy-kind', [CompletionResultType]::ParameterName, 'Whose configuration the files are [default: told from the files]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;demo' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'List the faults and stop')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;triage' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;man' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;retry' {
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;probe' {
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;lint' {
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit with 1 from this level on [default: error]')
            [CompletionResult]::new('--proxy-kind', '--proxy-kind', [CompletionResultType]::ParameterName, 'Whose configuration the files are [default: told from the files]')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;firewall' {
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;timeouts' {
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;dns' {
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;proxy' {
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;bundle' {
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Put this file, or the files of this directory, into the bundle, redacted (repeatable)')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Leave out log lines of the proxy that are older: 2h, 3d, or a time such as 2026-11-22T03:00Z')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Take files from this directory instead of / (a container''s root, a mounted disk)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this proxy configuration (repeatable; default: the one the running proxy was started with)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'The forward proxy that the failing request goes through; it is then the suspect')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Another way to try in step 7 (repeatable)')
            [CompletionResult]::new('--proxies', '--proxies', [CompletionResultType]::ParameterName, 'Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'Ask the URL so many times, 1 to 100 [default: 5]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the report [default: text]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file instead of stdout')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Take only this step, by id or number (repeatable)')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Leave this step out, by id or number (repeatable)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'List every file that was read, every command that was run and every file of the bundle; write nothing')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'fix502;explain' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour; NO_COLOR is honoured')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns of the report, 20 to 1000 (default: those of the terminal)')
            [CompletionResult]::new('--ci', '--ci', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('--non-interactive', '--non-interactive', [CompletionResultType]::ParameterName, 'Never ask, take all steps at once; also so when stdin or stdout is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only verdict and repair')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'All findings and all evidence; twice: also what fix502 asked')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
