package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/tools/clientcmd"

	"teamtask.dev/controller"
)

const definitions = "../../config/crd"

// patience is how long a script waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

// The stories in testdata/script are told with the real kubectl, which finds the plugin on the PATH. Each has a namespace of its
// own, named after it, which is that of its kubeconfig.
func TestScripts(t *testing.T) {
	t.Run("uninstalled", func(t *testing.T) { scripts(t, "uninstalled") })
	if err := running.Define(t.Context(), definitions); err != nil {
		t.Fatal(err)
	}
	t.Run("installed", func(t *testing.T) { scripts(t, "script") })
}

func scripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:      filepath.Join("testdata", dir),
		Deadline: time.Now().Add(3 * patience), // of all of them: a command that never ends is ended, and says what it waited for
		Setup: func(e *testscript.Env) error {
			name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(e.WorkDir), "script-"), ".")
			if _, err := running.Kubectl(t.Context(), "create", "namespace", name); err != nil {
				return err
			}
			e.Setenv("NAMESPACE", name)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+completion+string(os.PathListSeparator)+running.Programs)
			return kubeconfig(e, "KUBECONFIG", running.Kubeconfig)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"controller": controllers, "eventually": eventually, "user": user},
	})
}

// completion is where kubectl_complete-teamtask is.
var completion = func() string {
	dir, err := filepath.Abs("../../cmd/kubectl-teamtask")
	if err != nil {
		panic(err)
	}
	return dir
}()

type environment interface {
	Getenv(string) string
	Setenv(name, value string)
}

// kubeconfig copies a kubeconfig with the script's namespace, and names it in the environment.
func kubeconfig(e environment, variable, from string) error {
	config, err := clientcmd.LoadFromFile(from)
	if err != nil {
		return err
	}
	config.Contexts[config.CurrentContext].Namespace = e.Getenv("NAMESPACE")
	to := filepath.Join(e.Getenv("HOME"), filepath.Base(from))
	e.Setenv(variable, to)
	return clientcmd.WriteToFile(*config, to)
}

// controllers runs the controllers for the script's namespace until the script ends.
func controllers(ts *testscript.TestScript, _ bool, _ []string) {
	config, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- controller.Run(ctx, config, controller.Options{Watch: []string{ts.Getenv("NAMESPACE")}, WorkerImage: "teamtask:test", MetricsAddr: "0", HealthAddr: "0"})
	}()
	ts.Defer(func() {
		cancel()
		if err := <-ended; err != nil {
			ts.Logf("the controllers: %v", err)
		}
	})
}

// eventually repeats a command until what it prints matches a regular expression: eventually REGEXP COMMAND...
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	late := time.After(patience)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if want.MatchString(out) {
			return
		}
		select {
		case <-late:
			ts.Fatalf("%q never prints %s, but (%v)\n%s", args[1:], args[0], err, out)
		case <-again.C:
		}
	}
}

// user makes a kubeconfig for a user without rights, and names it in a variable: user VARIABLE NAME
func user(ts *testscript.TestScript, _ bool, args []string) {
	file, err := running.KubeconfigFor(fmt.Sprintf("%s-%s", args[1], ts.Getenv("NAMESPACE")))
	ts.Check(err)
	ts.Check(kubeconfig(ts, args[0], file))
}
