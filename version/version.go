// Package version says which Teamtask this is.
package version

import "runtime/debug"

// Version is set by the build with -ldflags "-X teamtask.dev/version.Version=v1.2.3"; otherwise it is what Go knows of the
// module: its version, or the commit it was built from.
var Version = fromBuild()

func fromBuild() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "devel"
}
