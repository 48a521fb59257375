package worker

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// maxString is how long an argument or a variable of a new program may be on Linux, with the NUL at its end:
// MAX_ARG_STRLEN in execve(2), for the smallest pages.
const maxString = 128 << 10

// variables are those that a command gets from its worker.
var variables = append([]string{"TEAMTASK_WORKLIST", "TEAMTASK_WORKER", "TEAMTASK_INDEX", "TEAMTASK_SIZE", "TEAMTASK_ATTEMPT",
	"TEAMTASK_SLOT", "TEAMTASK_ITEM_INDEX"}, itemVariables...)

// itemVariables are those that hold an item. They are set only where an environment can carry them.
var itemVariables = []string{"TEAMTASK_START", "TEAMTASK_END", "TEAMTASK_ITEM"}

// environment is that of the block's commands; an item adds its own.
func (b *block) environment() []string {
	env := without(os.Environ(), variables) // a worker's command may be another worker
	env = append(env,
		"TEAMTASK_WORKLIST="+b.runner.Worklist,
		"TEAMTASK_WORKER="+b.runner.Worker,
		fmt.Sprintf("TEAMTASK_INDEX=%d", b.lease.Index),
		fmt.Sprintf("TEAMTASK_SIZE=%d", b.lease.Size),
		fmt.Sprintf("TEAMTASK_ATTEMPT=%d", b.lease.Attempt),
		fmt.Sprintf("TEAMTASK_SLOT=%d", b.values.slot))
	env = carry(env, "TEAMTASK_START", b.values.start)
	env = carry(env, "TEAMTASK_END", b.values.end)
	return slices.Clip(env)
}

// itemEnvironment is that of an item's command.
func (b *block) itemEnvironment(i int64, text string) []string {
	return carry(append(b.env, fmt.Sprintf("TEAMTASK_ITEM_INDEX=%d", i)), "TEAMTASK_ITEM", text)
}

// carry adds a variable, unless an environment cannot carry it.
func carry(env []string, name, value string) []string {
	if strings.Contains(value, "\x00") || len(name)+len("=")+len(value)+len("\x00") > maxString {
		return env
	}
	return append(env, name+"="+value)
}

// without is an environment without some variables.
func without(env, names []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}
