package cli_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/cli"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/storytest"
)

// The stories have a cluster each, whose machines are made of paper. A line behind "$ " is a command, with what it prints below; one behind
// ": " is something that happens:
//
//	node NAME MEMORY        a node joins
//	kill NAME               its process and lease end
//	settle                  everything runs that is to run, and all is decided that follows
//	unwell JOB ID [WHY]     the instance is not healthy from the next settle on
//	break JOB ID REVISION   the instance has used up its tries, at that revision, from the next settle on
//	unfit NODE [WHY]        the node can run nothing from the next settle on
//	ingress NODE [ON WHY]   the node's ingress has a problem from the next settle on: with http or https, a host or a port
//	work JOB N [WHY]        the job's worklist has work for so many instances, or for an unknown number (-), or is finished (over)
//
// What is another each time is written as AGE, TIME and UID, and an empty line as a dot.
func TestStories(t *testing.T) {
	storytest.Run(t, "testdata/story/*.txt", func(t *testing.T, text string) string {
		cluster := apitest.New(t)
		options := cluster.Options()
		options.IngressPorts = []uint16{80, 443}
		run, _ := cluster.Serve(options)
		var out []string
		for line := range strings.SplitSeq(text, "\n") {
			words := strings.Fields(line)
			switch {
			case strings.HasPrefix(line, "#"):
				out = append(out, line)
			case strings.HasPrefix(line, ": "):
				out = append(out, line)
				happen(t, cluster, words[1], words[2:])
			case strings.HasPrefix(line, "$ "):
				out = append(out, line)
				out = append(out, answers(t, append([]string{"--run-dir", run}, words[1:]...))...)
			}
		}
		return strings.Join(out, "\n")
	})
}

func happen(t *testing.T, cluster *apitest.Cluster, what string, args []string) {
	t.Helper()
	switch what {
	case "node":
		memory, err := job.ParseSize(args[1])
		if err != nil {
			t.Fatal(err)
		}
		cluster.Node(args[0], "192.0.2.1", int64(memory))
	case "kill":
		cluster.Kill(args[0])
	case "settle":
		cluster.Settle()
	case "unwell":
		cluster.Unwell(args[0], args[1], strings.Join(args[2:], " "))
	case "break":
		revision, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cluster.Break(args[0], args[1], revision)
	case "restart":
		times, err := strconv.Atoi(args[2])
		if err != nil {
			t.Fatal(err)
		}
		cluster.Restart(args[0], args[1], times)
	case "unfit":
		cluster.Unfit(args[0], strings.Join(args[1:], " "))
	case "ingress":
		var problems []schedule.IngressProblem
		if len(args) > 1 {
			p := schedule.IngressProblem{Text: strings.Join(args[2:], " ")}
			if number, err := strconv.Atoi(args[1]); err == nil {
				p.TCP = number
			} else if strings.Contains(args[1], ".") {
				p.Host = args[1]
			} else {
				p.Scheme = args[1]
			}
			problems = append(problems, p)
		}
		cluster.Ingress(args[0], problems...)
	case "work":
		work := state.Work{Trouble: strings.Join(args[2:], " "), Finished: args[1] == "over"}
		if n, err := strconv.Atoi(args[1]); err == nil {
			work.Instances = &n
		} else if work.Finished {
			work.Instances = new(0)
		}
		cluster.Work(args[0], work)
	default:
		t.Fatalf("%s cannot happen", what)
	}
}

// changing is what is another each time.
var changing = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`), "TIME"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "TIME    "},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "UID"},
	{regexp.MustCompile(`\b(\d+m)?\d+s ago`), "AGE ago"},
	{regexp.MustCompile(`(?m) (\d+m)?\d+s *$`), " AGE"},
	// In a table it is as wide as the word above it.
	{regexp.MustCompile(`  \ds   `), "  AGE  "},
	{regexp.MustCompile(`  \d\ds  `), "  AGE  "},
	{regexp.MustCompile(`\b[A-Z2-7]{12}\b`), "INCARNATION"},
	{regexp.MustCompile(`\bci\.[A-Z2-7]{26}\b`), "ci.SECRET"},
}

// answers are the lines that a command prints.
func answers(t *testing.T, args []string) []string {
	t.Helper()
	var out bytes.Buffer
	root := cli.Root()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(""))
	if err := root.ExecuteContext(t.Context()); err != nil {
		out.WriteString("Error: " + err.Error() + "\n")
	}
	text := out.String()
	for _, c := range changing {
		text = c.what.ReplaceAllString(text, c.as)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if line == "" {
			lines[i] = "."
		}
	}
	return lines
}
