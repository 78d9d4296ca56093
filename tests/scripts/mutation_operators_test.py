"""The mutants of a kernel's text: where each operator applies, and what is left alone."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import mutation_operators  # noqa: E402


def changed(operator, text):
    """The lines that an operator makes of a text of one or a few lines."""
    return ["\n".join(m.diff(text)[1]) for m in mutation_operators.mutants(text) if m.operator == operator]


class Operators(unittest.TestCase):
    def test_each_operator_makes_its_mistake(self):
        for operator, text, wanted in [
            ("drop_barrier", "__syncthreads();", ";"),
            ("drop_barrier", "device::named_barrier_sync(1 + warp, 64);", ";"),
            ("move_barrier", "a = 1;\n  __syncwarp();\n  b = 2;\n", "b = 2;\n__syncwarp();"),
            ("move_barrier", "{\n  a = 1;\n  __syncwarp();\n}\n", "__syncwarp();\na = 1;"),
            ("drop_wait", "device::async_wait<1>();", ";"),
            ("drop_wait", "device::async_commit();", ";"),
            ("short_wait", "device::async_wait<stages - 2>();", "device::async_wait<(stages - 2) + 1>();"),
            ("lane_mask", "__shfl_sync(device::full_warp, x, 0)", "__shfl_sync(0x0000FFFFu, x, 0)"),
            ("swap_axis", "i = blockIdx.y;", "i = blockIdx.x;"),
            ("swap_index", "x = tile[i][j + 1];", "x = tile[j + 1][i];"),
            ("shift_index", "x = a[i * 2];", "x = a[i * 2 + 1];"),
            ("bound", "if (i >= n) {", "if (i > n) {"),
            ("off_by_one", "x = i + 1;", "x = i;"),
            ("off_by_one", "for (int i = 0; i < count; ++i)", "for (int i = 0; i < count - 1; ++i)"),
            ("arithmetic", "x = i % n;", "x = i / n;"),
            ("swap_operands", "x = a[i] - b;", "x = b - a[i];"),
            ("swap_operands", "x = fmaf(f(a), b, c);", "x = fmaf(f(a), c, b);"),
            ("swap_operands", "x = sum_of(a, b.c);", "x = sum_of(b.c, a);"),
            ("stride", "x = row * p.x_stride;", "x = row * (p.x_stride + 1);"),
            ("constant", "x = 32;", "x = 16;"),
            ("drop_guard", "if (i >= n || f(i)) return;", ";"),
            ("negate", "if (f(i) && b) {", "if (!(f(i) && b)) {"),
            ("connective", "x = a && b;", "x = a || b;"),
            ("select", "x = f(m) ? y : z;", "x = true ? y : z;"),
            ("accumulate", "sum += x;", "sum = x;"),
            ("accumulate", "if (mode == GradMode::overwrite)", "if (mode == GradMode::accumulate)"),
            ("drop_statement", "{\n  q.p.width = 3;\n}", ";"),
            ("drop_statement", "{\n  store(a, b);\n}", ";"),
        ]:
            with self.subTest(operator=operator, text=text):
                self.assertIn(wanted, changed(operator, text))

    def test_every_operator_is_described(self):
        description = (pathlib.Path(__file__).resolve().parents[1] / "mutation/operators.md").read_text(encoding="utf-8")
        for operator in mutation_operators.OPERATORS:
            self.assertIn(f"| `{operator}` |", description)

    def test_comments_strings_and_what_only_nvcc_reads_are_left_alone(self):
        text = '// a + 1\nf("b + 1");\n#ifdef __CUDACC__\nc = d + 1;\n#else\ne = g + 1;\n#endif\n#if h + 1\n#endif\n/* i\n+ 1 */'
        self.assertEqual(changed("off_by_one", text), ["e = g;"])

    def test_an_offset_is_kept_by_blanking(self):
        text = 'a; // b\n"c"; d\n#e\nf'
        code = mutation_operators.code_of(text)
        self.assertEqual(len(code), len(text))
        self.assertEqual(code.index("f"), text.index("f"))

    def test_a_condition_is_selected_as_a_whole(self):
        self.assertEqual(changed("select", "x = a != b ? c : d;"), ["x = false ? c : d;", "x = true ? c : d;"])

    def test_a_declared_stride_is_no_place(self):
        self.assertEqual(changed("stride", "void f(std::int64_t x_stride, int y_stride)"), [])


if __name__ == "__main__":
    unittest.main()
