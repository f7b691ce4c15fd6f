module gort.test/gotarget

go 1.22
