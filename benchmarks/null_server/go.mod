module nullserver

go 1.21
