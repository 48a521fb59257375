// Package program runs the programs of others that a node needs beside itself: podman, CoreDNS, flannel.
//
// A program is found beside our own executable or in $PATH ([Source.Find]), and kept running ([Run]): it is started anew when it ends,
// a little later each time if it keeps ending; it ends when it is no longer wanted, and with us, even if we are killed.
package program
