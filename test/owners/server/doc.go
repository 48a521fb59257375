// Package server has the List server's Swarms checked by what their workers believe they own (package owners above): real servers, in
// processes of their own, are killed and stopped at any moment while workers come, go and are cut off.
package server
