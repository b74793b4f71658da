"""The Django project and the kernel below the apps; it names them only by string."""
