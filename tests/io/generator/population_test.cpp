// The drawn patients have the properties that the options and the documentation promise.
#include "io/generator/population.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/generator/lesion_image.h"
#include "io/generator/patient.h"
#include "tests/support/error_of.h"

namespace plait::synth {
namespace {

std::vector<Patient> patients_of(const SynthOptions& options) {
  const Population population = make_population(options);
  std::vector<Patient> patients;
  for (std::int64_t row = 0; row < options.patients; ++row)
    patients.push_back(draw_patient(population, options.seed, static_cast<std::uint32_t>(row)));
  return patients;
}

TEST(Population, ReachesThePrevalence) {
  for (std::size_t task = 0; task < kTaskNames.size(); ++task) {
    for (const double wanted : {0.03, 0.3, 0.8}) {
      const SynthOptions options{.task = static_cast<Task>(task), .patients = 6000, .prevalence = wanted, .genes = 1};
      EXPECT_NEAR(prevalence_of(make_population(options).label), wanted, 1e-6);
      double positives = 0.0, probability = 0.0;
      for (const Patient& patient : patients_of(options))
        positives += patient.positive ? 1.0 : 0.0, probability += patient.probability;
      const double error = 5.0 * std::sqrt(wanted * (1.0 - wanted) / 6000.0);
      EXPECT_NEAR(positives / 6000.0, wanted, error) << kTaskNames[task];
      EXPECT_NEAR(probability / 6000.0, wanted, error) << kTaskNames[task];
    }
  }
}

TEST(Population, MissingRatesAreReachedByBothMechanisms) {
  for (const Mechanism mechanism : {Mechanism::random, Mechanism::latent}) {
    for (const double rate : {0.0, 0.1, 0.6}) {
      const auto patients =
          patients_of({.task = Task::cardiac, .patients = 8000, .missing = rate, .mechanism = mechanism, .genes = 1});
      for (std::size_t m = 0; m < kModalities; ++m) {
        double absent = 0.0, signal_absent = 0.0, signal_there = 0.0;
        for (const Patient& patient : patients) {
          const bool there = has_modality(patient.available, static_cast<int>(m));
          absent += there ? 0.0 : 1.0;
          (there ? signal_there : signal_absent) += patient.signals[m];
        }
        EXPECT_NEAR(absent / 8000.0, rate, 5.0 * std::sqrt(rate * (1.0 - rate) / 8000.0));
        if (rate == 0.0) continue;
        const double difference = signal_there / (8000.0 - absent) - signal_absent / absent;
        const double error = 5.0 * std::sqrt(1.0 / absent + 1.0 / (8000.0 - absent));
        if (mechanism == Mechanism::random)
          EXPECT_NEAR(difference, 0.0, error);
        else
          EXPECT_GT(difference, 0.5);
      }
    }
  }
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double ab = 0.0, aa = 0.0, bb = 0.0, ma = 0.0, mb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) ma += a[i], mb += b[i];
  ma /= static_cast<double>(a.size()), mb /= static_cast<double>(b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}

TEST(Population, GenesOfOneModuleCorrelateAsTheFormulaSays) {
  const SynthOptions options{.task = Task::cancer, .patients = 4000, .genes = 45};
  const GenePanel panel = make_population(options).genes;
  const auto patients = patients_of(options);
  double missing = 0.0;
  // Pairs: the same signal module, two signal modules, the same nuisance module, a nuisance module and none.
  for (const auto& [a, b] : {std::pair{0, 15}, {0, 1}, {7, 22}, {7, 12}}) {
    const Gene &x = panel.genes[static_cast<std::size_t>(a)], &y = panel.genes[static_cast<std::size_t>(b)];
    const auto loading = [&](const Gene& g) {
      return g.module < 0 ? 0.0 : panel.loading[static_cast<std::size_t>(g.module)];
    };
    const double between = x.module == y.module ? 1.0 : loading(x) * loading(y);
    const double expected = x.member * y.member * between + x.batch * y.batch;
    std::vector<double> xs, ys;
    for (const Patient& patient : patients) {
      const double u = patient.expression.x[static_cast<std::size_t>(a)],
                   v = patient.expression.x[static_cast<std::size_t>(b)];
      if (!std::isnan(u) && !std::isnan(v)) xs.push_back(u), ys.push_back(v);
    }
    EXPECT_NEAR(correlation(xs, ys), expected, 5.0 / std::sqrt(4000.0)) << a << " " << b;
    missing += 1.0 - static_cast<double>(xs.size()) / 4000.0;
  }
  EXPECT_NEAR(missing / 4.0, 1.0 - 0.98 * 0.98, 0.01);
  for (const Patient& patient : patients)
    for (const double x : patient.expression.x) EXPECT_FALSE(x <= 0.0);
}

TEST(Population, ClinicalCellsAreMissingAtTheirOwnRateAndFollowTheSignal) {
  const SynthOptions options{.task = Task::metabolic, .patients = 5000, .genes = 1};
  const ClinicalTable table = make_population(options).clinical;
  const auto patients = patients_of(options);
  for (std::size_t j = 0; j < table.numeric.size(); ++j) {
    std::vector<double> signal, y;
    for (const Patient& patient : patients) {
      if (std::isnan(patient.clinical.y[j])) continue;
      signal.push_back(patient.signals[kEhr]);
      y.push_back(patient.clinical.y[j]);
    }
    const NumericColumn& c = table.numeric[j];
    EXPECT_NEAR(1.0 - static_cast<double>(y.size()) / 5000.0, c.missing, 5.0 * std::sqrt(0.15 / 5000.0)) << c.name;
    // Age (variance about 1) and sex (1) come on top of the unit variance of signal, acute phase and noise.
    const double expected = c.signal / std::sqrt(1.0 + c.age * c.age + c.sex * c.sex);
    EXPECT_NEAR(correlation(signal, y), expected, 5.0 / std::sqrt(4000.0)) << c.name;
  }
}

TEST(Population, SeedsShareThePopulationAndNotThePatients) {
  const SynthOptions first{.patients = 3, .seed = 1, .genes = 30}, second{.patients = 3, .seed = 2, .genes = 30};
  const Population a = make_population(first), b = make_population(second);
  EXPECT_EQ(a.label.bias, b.label.bias);
  for (std::size_t g = 0; g < 30; ++g) EXPECT_EQ(a.genes.genes[g].member, b.genes.genes[g].member);
  EXPECT_NE(draw_patient(a, 1, 0).signals, draw_patient(b, 2, 0).signals);
  EXPECT_NE(draw_patient(a, 1, 0).signals, draw_patient(a, 1, 1).signals);
  // More genes leave the first ones, and everything else of a patient, as they were.
  const Population more = make_population({.genes = 31});
  EXPECT_EQ(draw_patient(more, 1, 2).clinical.age, draw_patient(a, 1, 2).clinical.age);
  EXPECT_EQ(more.genes.genes[29].mean, a.genes.genes[29].mean);
}

TEST(Population, ImagesBrightenWithTheLesion) {
  Lesion small{.y = {-2.0, -1.0, 0.0}}, large{.y = {2.0, 1.0, 0.0}};
  for (const int size : {16, 32, 45}) {
    const PngImage a = paint_lesion(small, size, {1, 0, Stream::pixels}),
                   b = paint_lesion(large, size, {1, 0, Stream::pixels});
    EXPECT_EQ(a.bytes.size(), static_cast<std::size_t>(size * size));
    // The same tissue and noise around: corners are equal to the byte, the middle is brighter by the contrast.
    EXPECT_EQ(a.bytes.front(), b.bytes.front());
    double difference = 0.0, pixels = 0.0, outside = 0.0;
    for (int h = 0; h < size; ++h) {
      for (int w = 0; w < size; ++w) {
        const double y = (h + 0.5) * 32 / size - 16, x = (w + 0.5) * 32 / size - 16, r = std::sqrt(x * x + y * y);
        const double off =
            b.bytes[static_cast<std::size_t>(h * size + w)] - a.bytes[static_cast<std::size_t>(h * size + w)];
        if (r < 2.0) difference += off, ++pixels;
        if (r > 13.0) outside = std::max(outside, std::abs(off));
      }
    }
    EXPECT_NEAR(difference / pixels, large.contrast() - small.contrast(), 8.0) << size;  // the small one has soft edges
    EXPECT_LE(outside, 1.0) << size;
  }
}

TEST(Population, OptionsOutOfRangeAreUsageErrors) {
  const auto refuses = [](const SynthOptions& options, const char* name) {
    const test::Thrown thrown = test::error_of([&] { make_population(options); });
    return thrown.code == ExitCode::usage && thrown.says(name);
  };
  EXPECT_TRUE(refuses({.patients = 0}, "--patients"));
  EXPECT_TRUE(refuses({.prevalence = 0.0}, "--prevalence"));
  EXPECT_TRUE(refuses({.prevalence = std::nan("")}, "--prevalence"));
  EXPECT_TRUE(refuses({.missing = 1.0}, "--missing"));
  EXPECT_TRUE(refuses({.genes = 0}, "--genes"));
  EXPECT_TRUE(refuses({.image_size = 8}, "--image-size"));
}

}  // namespace
}  // namespace plait::synth
