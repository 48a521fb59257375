package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
)

func installCommand() *cobra.Command {
	return &cobra.Command{
		Use: "install PATH", Short: "Copy this program to PATH", Hidden: true, Args: cmdline.Arguments(1, 1),
		Long: `Copy this program to PATH, as the first container of a worker's pod does, so that the next one,
of any image, can run it. PATH is there whole or not at all; a file of that name is replaced.`,
		Example: `  teamtask install /teamtask-bin/teamtask`,
		RunE:    func(_ *cobra.Command, args []string) error { return install(args[0]) },
	}
}

// install copies the program that runs to a file.
func install(path string) error {
	if there, err := os.Stat(path); strings.HasSuffix(path, "/") || err == nil && there.IsDir() {
		return fmt.Errorf("%s is a directory: name the file in it, as in %s", path, filepath.Join(path, "teamtask"))
	}
	name, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	program, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("read this program: %w", err)
	}
	defer program.Close()
	err = writeWhole(path, 0o755, func(w io.Writer) error {
		_, err := io.Copy(w, program)
		return err
	})
	if err != nil {
		return fmt.Errorf("install to %s: %w", path, err)
	}
	return nil
}
