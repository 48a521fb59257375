// Package volumes makes the directories that outlive containers, each held to its size.
//
// Few file systems hold a directory to a size, so a volume is a file system of its own, ext4, in a file that is mounted through a loop
// device. Project quotas (of xfs, or of ext4 where they are switched on) would do without file and device, but only on machines that
// were set up for them; they are not used.
//
// The file is not sparse: all its blocks are taken when it is made, which is a matter of milliseconds (fallocate(2)). For placement has
// counted the space: it has to be there when it is used, however full the disk has become. Whenever the volume is asked for, what
// of its blocks has been given back since is taken again: the loop device does so with what ext4 wants to be zero, fstrim(8) with what it
// finds unused. On a file system that cannot take blocks (NFS, ZFS) the file is sparse, and a disk that is full ends the writing within.
// What ext4 needs for itself comes on top of the space asked for: see [Size].
//
// [Open] opens a node's [Store]. [Store.Ensure] makes a volume, if there is none, and mounts it; [Store.Remove] deletes it.
//
// # What a container gets
//
// It gets the directory data in the file system, not its root, as there is a lost+found there and some programs want to begin in an
// empty directory. All users may write to it (mode 0777, as Kubernetes has it for emptyDir), since it is not known yet as whom a
// container will run; a program may change owner and mode, and that is kept. Nobody but root gets there from outside a container.
//
// # Crashes
//
// A volume is made in a directory that gets its name last, and is given another name first when it is removed; what has
// neither is left over, and is deleted by [Open]. Volumes stay mounted when the process ends, and the next one finds them so; after a
// start of the machine [Store.Ensure] mounts them again, after a check (e2fsck -p). Programs that check or resize a file system are not
// ended with this process, and hold a lock on the file that the next process waits for.
//
// # Shared volumes
//
// On a node by itself they are like the others. Where nodes have a file system in common, they are plain directories there, since no
// loop file can be mounted on two machines at once. They are then held to no size by us, only by what that file system has for it.
// Such a directory has a name of its own, which tells nodes that have it in common from those that have another: [Store.Storage].
package volumes
