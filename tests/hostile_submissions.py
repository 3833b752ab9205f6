# SPDX-License-Identifier: BSD-3-Clause
"""Submissions that want a mark they did not earn, another's mark, or the machine.

Each is the text of an osmem.c. Those in CHEATS do nothing for their points but cheat: none may get
more than a submission whose functions return NULL. Those in VANDALS are a correct allocator that
attacks what is around it: whatever happens to them, others must not notice.
"""

from pathlib import Path

from tests.submit import NAIVE, ROOT, STUB

INCLUDES = "".join(f"#include <{name}.h>\n" for name in (
    "dirent", "dlfcn", "errno", "fcntl", "signal", "stdio", "stdlib", "string", "sys/mman",
    "sys/prctl", "sys/ptrace", "sys/socket", "sys/stat", "sys/syscall", "sys/wait", "unistd"))
HEAD = "#define _GNU_SOURCE\n" + INCLUDES
FORGE = (Path(__file__).parent / "forge.h").read_text(encoding="ascii")
FIRST = "__attribute__((constructor)) static void first_of_all(void)\n{\n%s\n}\n"


def stub_that(does, extra=""):
    """A stub whose os_malloc does something first."""
    return HEAD + extra + STUB.replace("\treturn size ? NULL : NULL;",
                                       f"\t{does}\n\treturn size ? NULL : NULL;")


def stub_with(extra):
    """A stub and some more code."""
    return HEAD + STUB + extra


def honest_if(condition, extra=""):
    """A correct allocator whose functions return NULL unless the condition holds."""
    text = NAIVE.replace("#define _GNU_SOURCE\n", HEAD + extra, 1)
    for name, argument in (("malloc", "size_t size"), ("calloc", "size_t nmemb, size_t size"),
                           ("realloc", "void *ptr, size_t size")):
        head = f"void *os_{name}({argument})\n{{\n"
        assert head in text
        text = text.replace(head, head + f"\tif (!({condition}))\n\t\treturn NULL;\n")
    return "#define MISTAKE NONE\n" + text


def honest_that(does):
    """A correct allocator with a constructor."""
    return "#define MISTAKE NONE\n" + NAIVE.replace("#define _GNU_SOURCE\n", HEAD, 1) + FIRST % does


# Reads a reference where it lies in the repository, where the grader could have copied it, and
# in what its own process has open; makes the system calls that it names if it finds one.
READS_REFERENCES = """
static int found_one(void)
{
    static char text[4096];
    char path[64];
    int fd = open("%s/tests/ref/test-malloc-first-use-preallocates.ref", O_RDONLY);

    for (int number = 3; fd < 0 && number < 300; number++) {
        snprintf(path, sizeof(path), "/proc/%%d/fd/%%d", getppid(), number);
        fd = open(path, O_RDONLY);
    }
    return fd >= 0 && read(fd, text, sizeof(text)) > 0 && strstr(text, "HeapStart");
}
""" % ROOT

CHEATS = {
    "forged trace lines":
        stub_that("forge_everywhere();", FORGE),
    "forged trace lines in a constructor":
        HEAD + FORGE + STUB + FIRST % "\tforge_everywhere();\n\t_exit(0);",
    "_exit in a constructor":
        stub_with(FIRST % "\t_exit(0);"),
    "_exit in the first call":
        stub_that("_exit(0);"),
    "a place from where code runs outside all calls (restartable sequences)":
        honest_if("*(int *)((char *)__builtin_thread_pointer() + __rseq_offset + 4) >= 0",
                  "#include <stddef.h>\nextern const ptrdiff_t __rseq_offset;\n"),
    "a lock on a file (flock)":
        honest_if('!flock(open("/usr/bin/gcc", O_RDONLY), LOCK_EX | LOCK_NB)',
                  "#include <sys/file.h>\n"),
    "a lock on a file (fcntl)":
        honest_if('!fcntl(open("/usr/bin/gcc", O_RDONLY), F_SETLK, '
                  '&(struct flock){ .l_type = F_RDLCK })'),
    "reading the references":
        honest_if("found_one()", READS_REFERENCES),
    "reading its program's name":
        honest_if('!strncmp(program_invocation_short_name, "test-", 5)'),
    "reading its program's name from /proc":
        honest_if("named_test()", """
static int named_test(void)
{
    char path[4096] = "";

    return readlink("/proc/self/exe", path, sizeof(path) - 1) > 0 && strstr(path, "test-");
}
"""),
    "interposing the C library's symbols":
        stub_with("long write_(void);\nint memcmp(const void *a, const void *b, size_t n)\n"
                  "{\n\treturn a == b || n ? 0 : 0;\n}\n"
                  "void abort(void)\n{\n\t_exit(0);\n}\n"
                  "int __libc_start_main(void)\n{\n\t_exit(0);\n}\n"),
    "interposing the test's symbols":
        stub_with("void check_at(const char *a, int b, const char *c)\n{\n\t(void)a;\n\t(void)b;\n"
                  "\t(void)c;\n}\nvoid *xmalloc_at(const char *a, size_t n)\n{\n\t(void)a;\n"
                  "\treturn mmap(0, n, 3, 34, -1, 0);\n}\n"),
    "replacing main":
        stub_with("int main(void)\n{\n\treturn 0;\n}\n"),
    "catching the signal of a failed check":
        stub_with("static void leave(int number)\n{\n\t_exit(number - number);\n}\n"
                  + FIRST % "\tsignal(SIGILL, leave);\n\tsignal(SIGSEGV, leave);"),
    "detecting the tracer by its breakpoints":
        honest_if("*(const unsigned char *)(size_t)os_malloc != 0xcc"),
    "detecting the tracer by asking for one":
        honest_if("ptrace(PTRACE_TRACEME, 0, 0, 0) == 0"),
    "glibc's malloc under an os_ name":
        HEAD + '#include "osmem.h"\n' + "".join(
            f"void *os_{name}({types})\n{{\n\treturn {name}({names});\n}}\n"
            for name, types, names in (("malloc", "size_t n", "n"),
                                       ("calloc", "size_t k, size_t n", "k, n"),
                                       ("realloc", "void *p, size_t n", "p, n")))
        + "void os_free(void *p)\n{\n\tfree(p);\n}\n",
    "raw system calls":
        stub_with("").replace("return size ? NULL : NULL;", """
    long got;

    __asm__ volatile("mov $0, %%r9\\n\\tmov $-1, %%r8\\n\\tmov $34, %%r10\\n\\tsyscall"
             : "=a"(got)
             : "a"(SYS_mmap), "D"(0), "S"(size + 32), "d"(3)
             : "rcx", "r8", "r9", "r10", "r11", "memory");
    return (void *)(got + 32);"""),
}

# These take long to be stopped: one program is enough.
SLOW_CHEATS = {
    "fork bomb": stub_that("for (;;)\n\t\tfork();"),
    "memory bomb": stub_that("for (;;)\n\t\tmemset(mmap(0, 1 << 24, 3, 34, -1, 0), 1, 1 << 24);"),
    "endless output": stub_that('for (;;)\n\t\twrite(1, "os_malloc(1)\\n", 13);'),
    "endless loop": stub_that("for (;;)\n\t\t;"),
}


def vandals(victim):
    """Correct allocators that attack; `victim`: the folder of somebody else's submission."""
    return {
        "killing the parent and everybody else": honest_that(
            "\tkill(getppid(), SIGKILL);\n\tkill(-1, SIGKILL);\n\tkill(0, SIGSTOP);\n"
            "\tfor (int pid = getpid() - 60; pid < getpid() + 60; pid++)\n"
            "\t\tif (pid > 1 && pid != getpid())\n\t\t\tkill(pid, SIGKILL);"),
        "writing to another's work tree": honest_that(
            f'\tint fd = open("{victim}/src/osmem.c", O_WRONLY | O_TRUNC);\n\n'
            f'\tfd += open("{victim}/src/evil.c", O_WRONLY | O_CREAT, 0644);\n'
            f'\tchmod("{victim}", 0777);\n\tunlink("{victim}/src/osmem.c");\n'
            f'\tsymlink("{victim}", "/tmp/osmem-evil");\n\t(void)fd;'),
    }


TELLS_ALL = """
#include <link.h>
static int copy_out(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    for (int i = 0; !info->dlpi_name[0] && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            for (int fd = 1; fd < 3; fd++)
                write(fd, (char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
                      info->dlpi_phdr[i].p_filesz);
    return 0;
}

static void copy_file(const char *path)
{
    static char text[65536];
    int fd = open(path, O_RDONLY);
    ssize_t length = read(fd, text, sizeof(text));

    if (length > 0 && write(1, text, length) > 0)
        write(2, text, length);
}
"""


def tells_all(paths):
    """A correct allocator that prints the memory of its program and these files, and crashes."""
    return ("#define MISTAKE NONE\n"
            + NAIVE.replace("#define _GNU_SOURCE\n", HEAD + TELLS_ALL, 1) + FIRST % (
                "\tdl_iterate_phdr(copy_out, NULL);\n" + "".join(
                    f'\tcopy_file("{path}");\n' for path in paths) + "\tabort();"))


# Lines of 400 kB that a tool or a program prints.
LONG_LINES = {
    "a compiler's error": STUB + f"#error {'x' * 400000}\n",
    "a linker's error": STUB + f"int {'x' * 400000}(void);\nint y(void)\n{{\n"
                               f"\treturn {'x' * 400000}();\n}}\n",
    "a linter's finding": STUB + f"int {'x' * 12000}(int);\n",    # what linters can bear
    "what a failed program says": stub_that(
        'write(2, "x.c:1: ", 7);\n\tfor (int i = 0; i < 100000; i++)\n'
        '\t\twrite(2, "yyyy", 4);\n\t__builtin_trap();'),
}

INDIRECT = HEAD + "".join(
    f'static void *find_{name}(void)\n{{\n\treturn dlsym(RTLD_DEFAULT, "{name}");\n}}\n'
    f'void os_{name}(void) __attribute__((ifunc("find_{name}")));\n'
    for name in ("malloc", "calloc", "realloc", "free"))
# os_free() in assembler: the tracer finds no function, or does not see its first instruction.
ASSEMBLED = STUB.replace("void os_free(", "void my_free(")
LABEL = '__asm__(".globl os_free\\nos_free:\\n\\tjmp my_free\\n");\n'
FUNCTION = ('__asm__(".globl os_free\\n.type os_free, %function\\n"\n'
            '\t"os_free:\\n\\tsyscall\\n\\tret\\n");\n')

# What would keep a worker busy or stop it: {files of a zip archive}, what the reason says.
UNGRADABLE = {
    "glibc's malloc as an indirect function": (
        {"src/osmem.c": INDIRECT}, "os_malloc is not one function"),
    "a label in place of a function": (
        {"src/osmem.c": ASSEMBLED + LABEL}, "os_free is not one function"),
    "a system call before the tracer looks": (
        {"src/osmem.c": ASSEMBLED + FUNCTION}, "os_free does not begin as a compiled function"),
    "30,000 symbols": (
        {"src/osmem.c": STUB + "".join(f"int global_{number:012};\n" for number in range(30000))},
        "names of its library cannot be listed: nm printed more than a megabyte"),
    "a file below a file": (
        {"src/osmem.c": STUB, "src/a.c": "int a;\n", "src/a.c/b.c": "int b;\n"},
        "a.c is a file and a folder"),
    "a file below one of the grader's": (
        {"src/osmem.c": '#include "../utils/printf.h/x.h"\n' + STUB, "utils/printf.h/x.h": "\n"},
        "../utils/printf.h/x.h cannot be copied"),
    "a name of 300 characters": (
        {"src/osmem.c": STUB, f"src/{'x' * 300}.c": "int a;\n"}, "a name of more than 200 bytes"),
    "destructors that sleep": (
        {"src/osmem.c": honest_that("") + "__attribute__((destructor))\n"
         "static void fall_asleep(void)\n{\n\tsleep(19);\n}\n"}, "took more than 3 s;"),
    "work before every program": (
        {"src/osmem.c": honest_that("\tfor (long n = 0; n < 20000000000; n++)\n"
                                    '\t\t__asm__ volatile("" : "+r"(n));')},
        "took more than 1 s of processor time;"),
}

# What the compiler meets, and a part of the reason that is given.
BUILD_ATTACKS = {
    "endless build": (STUB + "#if __INCLUDE_LEVEL__ < 60\n" + '#include "osmem.c"\n' * 2
                      + "#endif\n", "gcc printed more than a megabyte"),
    "a build without end in memory": (STUB + "#define A(x) x x x x x x x x x x\n" + "".join(
        f"#define {chr(66 + n)}(x) {chr(65 + n)}({chr(65 + n)}(x))\n" for n in range(6))
        + "int G(;) end;\n", "memory"),
    "endless errors": (STUB + "#include \"osmem.c\"\n#error no\n" * 200, "it does not compile"),
    "a huge object": (STUB + "char huge[1L << 40] = {1};\n", "it does not compile"),
    "including a reference": (
        f'{STUB}\n#include "{ROOT}/tests/ref/test-free-null.ref"\n', "No such file"),
    "including the list of users": (STUB + '\n#include "/etc/passwd"\n', "/etc/passwd"),
    "embedding a reference": (
        STUB + f'\n__asm__(".incbin \\"{ROOT}/tests/suite.json\\"");\n', "it does not compile"),
}
