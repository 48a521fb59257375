// Package image builds images with podman for what runs on this machine in tests, benchmarks and trial clusters; and programs of this
// module that need nothing beside them, so that one can be all there is in an image. Podman needs root.
package image
