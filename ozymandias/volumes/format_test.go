package volumes

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Size is enough at all sizes, and not much too much. The files of large ones are sparse here.
func TestSize(t *testing.T) {
	number := func(said []byte, name string) int64 {
		found := regexp.MustCompile(`(?m)^` + name + `: +(\d+)$`).FindSubmatch(said)
		if found == nil {
			t.Fatalf("there is no %s in %s", name, said)
		}
		n, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for space := int64(1_000_000); space < 2e12; space = space*3 + 4321 {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "content"), 0o755); err != nil {
			t.Fatal(err)
		}
		file, err := os.Create(filepath.Join(dir, "disk"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := file.Truncate(Size(space)); err != nil {
			t.Fatal(err)
		}
		if err := format(t.Context(), file, space, filepath.Join(dir, "content")); err != nil {
			t.Fatal(err)
		}
		said, err := exec.Command(find("dumpe2fs"), "-h", file.Name()).Output()
		if err != nil {
			t.Fatal(err)
		}
		if number(said, "Journal inode") == 0 {
			t.Errorf("for %d bytes there is no journal", space)
		}
		blocks := number(said, "Block count")
		room := (number(said, "Free blocks") - min(blocks/50, 4096)) * block // ext4_calculate_resv_clusters of Linux
		if room < space || room-space > space/50+4<<20 {
			t.Errorf("of %d bytes asked for, with a file of %d, there are %d", space, Size(space), room)
		}
		if overhead := Size(space) - space; overhead > space/16+16<<20 {
			t.Errorf("for %d bytes another %d are taken", space, overhead)
		}
		if err := os.Remove(file.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// While a file system is made, the disk keeps what was taken for it, but for what mke2fs wants to be zero.
func TestFormatKeepsBlocks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "content"), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const space = 100_000_000
	if err := reserve(file, Size(space)); err != nil {
		t.Fatal(err)
	}
	if err := format(t.Context(), file, space, filepath.Join(dir, "content")); err != nil {
		t.Fatal(err)
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &s); err != nil {
		t.Fatal(err)
	}
	if s.Blocks*512 < space {
		t.Errorf("of %d bytes the disk still has %d", Size(space), s.Blocks*512)
	}
}
