// Random damage to a sound cohort's CSV files: whatever comes out is read and usable from end to end, or refused as bad
// data. Nothing crashes, and no batch holds a number that is not finite.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "io/data/cohort_report.h"
#include "io/data/loader.h"
#include "io/data/split.h"
#include "kernels/math/philox.h"
#include "tests/support/cohort_folder.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

constexpr const char* kPieces[] = {"\"",    ",",     "\n",         "\r\n",         "\r", "inf",   "nan",
                                   "1e999", "-",     "\xff",       "\"\"",         "NA", "1",     "x",
                                   "group", "label", "patient_id", "\xEF\xBB\xBF", ",,", "1e-999"};

class Damage {
 public:
  explicit Damage(std::uint32_t round) : round_(round) {}

  std::size_t below(std::size_t count) {
    const std::uint32_t word = random_word(1, next_++, round_, 0, random_site(Purpose::generator, 0));
    return random_index(word, static_cast<std::uint32_t>(count));
  }

  std::string apply(std::string text) {
    for (std::size_t i = below(4); i > 0; --i) {
      const std::size_t at = below(text.size() + 1);
      switch (below(4)) {
        case 0:
          text.insert(at, kPieces[below(std::size(kPieces))]);
          break;
        case 1:
          text.erase(at, below(6));
          break;
        case 2:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
          break;
        default:
          text.insert(at, text.substr(below(text.size() + 1), below(20)));
      }
    }
    return text;
  }

 private:
  std::uint32_t round_, next_ = 0;
};

void use(const Cohort& cohort, std::uint32_t round) {
  const Split split = make_split(cohort, 0.3, 0.0, round);
  const Preprocess fit = preprocess_from_json(preprocess_to_json(fit_preprocess(cohort, split.train, {})), "f");
  const Dataset dataset(cohort, fit);
  Loader loader(dataset, all_patients(cohort), {.batch_size = 4});
  loader.start_epoch(0);
  while (const Batch* batch = loader.next()) {
    for (const ModalityBatch& modality : batch->modalities) {
      const Tensor& x = modality.values;
      for (std::int64_t i = 0; i < x.rows() * x.row_stride; ++i) ASSERT_TRUE(std::isfinite(x.as<float>()[i]));
    }
  }
}

TEST(CohortMutations, AreReadOrRefused) {
  test::CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table) +
                            "categorical = [\"ward\"]\n" + std::string(test::expression_table));
  int read = 0, refused = 0;
  for (std::uint32_t round = 0; round < 400; ++round) {
    Damage damage(round);
    const std::string labels = "patient_id,label,group\na,1,x\nb,0,x\nc,1,y\nd,0,\ne,1,z\nf,0,q\n";
    folder.write("labels.csv", round % 4 == 0 ? damage.apply(labels) : labels);
    folder.write("ehr.csv", damage.apply("patient_id,age,ward,sex\r\na,50,1,M\r\nb,,2,\"F\"\r\nc,3e2,NA,\"M\"\r\n"
                                         "d,7,\"x\"\"y\",F\r\nzz,7,1,F\r\n"));
    folder.write("genes.csv", damage.apply("patient_id,G1,G2\na,1,2\nb,3,\nc,4,5\ne,7,8\n"));
    const CohortCheck checked = check_cohort(folder.path());
    EXPECT_EQ(checked.cohort.has_value(), checked.report.problems.empty()) << round;
    const test::Thrown thrown = test::error_of([&] { use(read_cohort(folder.path()), round); });
    if (thrown.code == ExitCode::done) ++read;
    if (thrown.code == ExitCode::data) ++refused;
    EXPECT_TRUE(thrown.code == ExitCode::done || thrown.code == ExitCode::data) << round << ": " << thrown.message;
    EXPECT_TRUE(checked.cohort.has_value() || thrown.code == ExitCode::data) << round;
  }
  EXPECT_GT(read, 20);  // both happen
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace plait
