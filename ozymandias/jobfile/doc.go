// Package jobfile reads job files: YAML or JSON in, jobs out, or everything that is wrong with them, each with its line.
//
// A file has one job or several, as documents separated by "---". It is read strictly: a field nobody knows, a value of the
// wrong kind, or a key given twice is a fault, because the author meant something by it. Anchors, aliases and merge keys ("<<") may be
// used. Nothing but the file is read: no environment, no other file, no network, so that every node reads the same.
//
// # Compose files
//
// A document with `services:` is a docker-compose file. Each service becomes a job of its own, named after it. It could have been one
// job with a container for each, but a job's containers share a pod: they would be scaled together, live on one machine, and
// could not listen on the same port. In a compose file services scale by themselves and reach each other by name, and that is what
// jobs do, since the name of a job resolves wherever it runs. It is also what `docker stack deploy` makes of such a file, and
// where compose and stack differ, it is the stack that is followed: a published port leads to any instance through every node, and what ends is
// restarted.
// The price: jobs start in any order, so depends_on is not kept, and two services cannot have one volume. Who needs either writes a
// job file.
//
// What is ignored or means something else here is a [Warning]; what would make another program of it, such as a folder of one
// machine mounted into the container, is a fault. What compose has no word for stands under x-ozymandias: see [Parse].
//
// # Why not another way
//
// sigs.k8s.io/yaml goes by way of JSON, which has no lines, and stops at the first fault. So the nodes of go.yaml.in/yaml are read here,
// led by the types of package job; a field added there needs nothing here.
package jobfile
