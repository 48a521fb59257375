// Package images sees to it that a node has the images that its instances run: those loaded into the cluster, and those of registries.
//
// # Loaded images
//
// People with a few machines often have no registry. `ozymandias image load` gives an archive to one node, whichever; its podman takes it
// ([Store.Load]), and a record in etcd says what the name stands for from then on. Every other node sees the record and fetches the image from
// one that has it ([Store.Run]), again and again until it has it too; so an instance can be started anywhere, also when the node that got the
// archive is gone.
//
//	images/records/NAME   {id, size, loaded, by}; NAME as in "localhost/web-app-image:latest"
//	images/holders/NODE   the ids that the node has; under its lease
//
// An image is known by its id: the SHA-256 of its configuration, in which the digests of its layers stand. (The digest of its manifest
// is not the same on each node, as podman writes another one when it saves.) In podman it goes by the name [repository]:ID, which is how
// a node finds again after a restart what it has of the cluster's; there podman knows it by no other name. So what a name stands for is
// written in one place only, and containers are created from ids.
//
// # What a name means
//
// [Store.Ensure] takes a name as people write it and returns the id to create containers from:
//
//   - "ghcr.io/a/b:1" is itself. Without a tag it is "latest".
//   - "web-app-image" and "a/b" have no registry. They are "localhost/web-app-image:latest", as podman calls what was built or loaded under
//     such a name; if there is none, "docker.io/library/web-app-image:latest" and "docker.io/a/b:latest", as docker does.
//   - Of each of these the cluster's is taken first, then what this node's podman happens to have. What is nowhere is pulled, unless
//     it is of localhost. Credentials are podman's own, by `podman login` on the node.
//
// A name loaded again stands for the new content: what is started from then on has it, what runs goes on with the old one, which is removed
// from a node when nothing there runs it any more. A tag that was pulled is not pulled again while the node has it.
//
// Images of the cluster stay until [Store.Remove]. Pulled ones stay on the nodes as long as there is room: see [Store.Spare].
package images
