package files

import (
	"os"
	"path/filepath"
	"slices"
)

// NameFolders returns folders by their paths, with names that depend on where the folders are, and not on how
// their paths are spelled: a name is a part of what a finding is known by. A folder in a git repository is
// named from the top of that; "" is the top itself. Another folder is named from the current folder if it is
// below that, and else by its whole path. Symbolic links are resolved. dir is the current folder, "" for
// none.
//
// If the folders are in several repositories, that of the current folder stays as it is, and the names of the
// others begin with the name of their top folder, or its whole path where something else has that name.
func NameFolders(dir string, paths []string) []Folder {
	dir = resolve(dir)
	list, roots, tops := make([]Folder, len(paths)), make([]string, len(paths)), []string{}
	for i, path := range paths {
		list[i].Path = resolve(path)
		if roots[i] = rootOf(list[i].Path, dir); roots[i] != "" && !slices.Contains(tops, roots[i]) {
			tops = append(tops, roots[i])
		}
	}
	for i, root := range roots {
		if root == "" {
			list[i].Name, list[i].Repository = filepath.ToSlash(list[i].Path), filepath.ToSlash(list[i].Path)
			continue
		}
		prefix := prefixOf(root, dir, tops)
		list[i].Name, list[i].Repository = filepath.ToSlash(filepath.Join(prefix, below(root, list[i].Path))), filepath.ToSlash(filepath.Clean(prefix))
		if list[i].Name == "." {
			list[i].Name = ""
		}
	}
	return list
}

// prefixOf returns what stands before the names of what is in a repository.
func prefixOf(root, dir string, tops []string) string {
	if len(tops) == 1 || dir != "" && contains(root, dir) {
		return ""
	}
	name := filepath.Base(root)
	for _, other := range tops {
		_, err := os.Lstat(filepath.Join(other, name))
		if other != root && (filepath.Base(other) == name || err == nil) {
			return root
		}
	}
	return name
}

// rootOf returns the folder that a folder is named from: the top of its repository, or the current folder;
// "" for neither.
func rootOf(folder, dir string) string {
	for top := folder; ; top = filepath.Dir(top) {
		if isTop(top) {
			return top
		}
		if top == filepath.Dir(top) {
			break
		}
	}
	if dir != "" && contains(dir, folder) {
		return dir
	}
	return ""
}

// isTop reports whether a folder is the top of a git repository: it has a .git, or is bare.
func isTop(folder string) bool {
	if _, err := os.Lstat(filepath.Join(folder, ".git")); err == nil {
		return true
	}
	_, head := os.Lstat(filepath.Join(folder, "HEAD"))
	_, objects := os.Lstat(filepath.Join(folder, "objects"))
	return head == nil && objects == nil && filepath.Base(folder) != ".git"
}

// resolve returns the path of a folder without symbolic links. One that is not there stays as it is.
func resolve(folder string) string {
	if folder == "" {
		return ""
	}
	if target, err := filepath.EvalSymlinks(folder); err == nil {
		folder = target
	}
	return filepath.Clean(folder)
}

// below returns the path of a folder within another; "" for that itself.
func below(root, folder string) string {
	if rest, err := filepath.Rel(root, folder); err == nil && rest != "." {
		return rest
	}
	return ""
}

// contains reports whether a folder is another one or below it.
func contains(root, folder string) bool {
	rest, err := filepath.Rel(root, folder)
	return err == nil && filepath.IsLocal(rest)
}
