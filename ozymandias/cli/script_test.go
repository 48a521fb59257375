package cli_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/cli"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/podman/podmantest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ozymandias": func() { os.Exit(cli.Main(os.Args[1:])) }})
}

// The stories in testdata/script are told with the real command. Job "web" has one instance, on another node than the one that is asked, with a
// real podman: "app" has written two lines, one to each output, "db" one.
func TestScripts(t *testing.T) {
	stage := apitest.NewStage(t, map[string]string{"app": "print one warn two stay", "db": "print three stay"})
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	written := 0
	for _, err := range stage.Asked.Logs(ctx, "web-0", client.Log{Follow: true}) { // a container may take its time
		if err != nil {
			t.Fatal(err)
		}
		if written++; written == 3 {
			break
		}
	}
	archive, err := os.Create(filepath.Join(t.TempDir(), "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stage.Machine.Client.Save(t.Context(), podmantest.Image, archive), archive.Close()); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("OZYMANDIAS_RUN_DIR", stage.Run)
			e.Setenv("RUN", stage.Run)
			e.Setenv("IMAGE", archive.Name())
			e.Setenv("GORACE", "atexit_sleep_ms=10") // the command has ended what it began
			return nil
		},
	})
}
