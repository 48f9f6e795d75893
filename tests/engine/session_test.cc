// Sessions: forks, files, and the same tokens whatever the threads, chunks and interruptions.
#include "cobra/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "base/half.h"
#include "cobra/generate.h"
#include "cobra/session_batch.h"
#include "engine/reference_model.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "model/init.h"
#include "model/model_test_files.h"
#include "runtime/session_file.h"
#include "test_support.h"

namespace cobra::testing {
namespace {

std::vector<float> values(std::span<const float> span) { return {span.begin(), span.end()}; }

const std::vector<int32_t> kPrompt = {12, 240, 259, 108, 54, 45, 164, 98, 157, 177, 68, 246, 147, 241, 260};

std::vector<int32_t> answer(const Model& model, int64_t chunk = 0) {
  Session session(model);
  session.read_embeddings(model.embed(Image::load(reference("image/photo.jpg"))).view(), chunk);
  return generate(session, kPrompt, {.max_new_tokens = 40, .eos_token_id = -1, .chunk = chunk}).tokens;
}

/// Quantised models too: the decode kernels' 8-bit activations must not make a difference between the ways.
class SameTokensTest : public ::testing::TestWithParam<DType> {};

TEST_P(SameTokensTest, AnyThreadsAndAnyChunks) {
  const Model one = reference_model(Runtime({.threads = 1}), GetParam());
  const Model two = reference_model(Runtime({.threads = 2}), GetParam());
  const std::vector<int32_t> expected = answer(one);
  ASSERT_EQ(expected.size(), 40u);
  EXPECT_EQ(answer(two), expected);
  for (const int64_t chunk : {1, 7, 64}) {
    EXPECT_EQ(answer(one, chunk), expected) << "chunk " << chunk;
    EXPECT_EQ(answer(two, chunk), expected) << "chunk " << chunk;
  }
}

TEST_P(SameTokensTest, AnySpeculation) {
  const Model model = reference_model(Runtime({.threads = 2}), GetParam());
  const SamplingOptions choices[] = {{}, {.temperature = 0.8, .top_k = 3, .seed = 5}};
  for (const SamplingOptions& sampling : choices) {
    for (const bool read_last : {false, true}) {
      GenerateOptions options{
          .max_new_tokens = 120, .eos_token_id = -1, .vocab_limit = 4, .sampling = sampling};
      Session plain(model);
      const std::vector<int32_t> expected = generate(plain, kPrompt, options, read_last).tokens;
      for (const int64_t guesses : {1, 4, 15}) {
        options.speculate = guesses;
        Session session(model);
        const GenerateResult result = generate(session, kPrompt, options, read_last);
        EXPECT_EQ(result.tokens, expected) << guesses;
        EXPECT_GT(result.accepted, 0) << "four words repeat themselves";
        EXPECT_GE(result.drafted, result.accepted);
        EXPECT_EQ(session.position(), plain.position());
        EXPECT_EQ(session.conv_state(), plain.conv_state()) << guesses;
        EXPECT_EQ(session.ssm_state(), plain.ssm_state()) << guesses;
        EXPECT_EQ(values(session.logits()), values(plain.logits())) << guesses;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, SameTokensTest,
                         ::testing::Values(DType::f32, DType::bf16, DType::q8_0, DType::q4_0),
                         [](const auto& test) { return std::string(name(test.param)); });

/// The state of type bf16 has no bits that bfloat16 lacks, whatever the chunks, and answers for it.
TEST(SessionTest, StateRoundedAfterEveryToken) {
  const Model exact = reference_model(),
              rounded = reference_model(Runtime({.numerics = {.state = StateType::bf16}}));
  const auto read = [](const Model& model, int64_t chunk) {
    Session session(model);
    session.read_tokens(kPrompt, chunk);
    return session;
  };
  const Session all = read(rounded, 0), cut = read(rounded, 4), reference = read(exact, 0);
  EXPECT_EQ(all.ssm_state(), cut.ssm_state());
  EXPECT_EQ(values(all.logits()), values(cut.logits()));
  for (const float value : all.ssm_state()) ASSERT_EQ(to_float(to_bfloat16(value)), value);
  EXPECT_NE(all.ssm_state(), reference.ssm_state());
  EXPECT_NE(values(all.logits()), values(reference.logits()));
}

TEST(SessionTest, OptionsOutOfRangeAreNamed) {
  const Model model = reference_model();
  Session session(model);
  const auto error = [&](const GenerateOptions& options) {
    return error_of([&] { generate(session, kPrompt, options); });
  };
  EXPECT_THAT(error({.speculate = 16}), ::testing::HasSubstr("0 (none) to 15"));
  EXPECT_THAT(error({.max_new_tokens = -2}), ::testing::HasSubstr("max-tokens: expected -1"));
  EXPECT_THAT(error({.max_length = -1}), ::testing::HasSubstr("max-length: expected 0 or more"));
  EXPECT_THAT(error({.eos_token_id = -3}), ::testing::HasSubstr("eos-id: expected -2"));
  EXPECT_THAT(error({.eos_token_id = 1 << 20}), ::testing::HasSubstr("eos-id: expected -2"));
  EXPECT_THAT(error({.vocab_limit = 1 << 20}), ::testing::HasSubstr("vocab-limit: expected 0 (all) to"));
  EXPECT_THAT(error({.stop = {"x"}}),
              ::testing::HasSubstr(reference_gguf() + ": the model has no tokenizer, so it cannot look for"));
  EXPECT_EQ(session.position(), 0) << "nothing was read";
}

/// A single logit that is not finite is noticed, wherever logits are chosen from.
TEST(SessionTest, DamagedWeightsAreNamed) {
  InitOptions options;
  options.preset = "tiny";
  options.type = DType::f32;  // the embedding is the output head too: one value is of one logit
  options.output = scratch_folder() / "whole.gguf";
  init_model(options);
  const std::string path = scratch_folder() / "hurt.gguf";
  const Model whole = Model::load(options.output, Runtime());
  const int64_t row = int64_t{whole.config().mamba.d_model} * int64_t{sizeof(float)};
  gguf_with(options.output, path, "token_embd.weight", 100 * row, std::numeric_limits<float>::quiet_NaN());
  const Model model = Model::load(path, Runtime());
  const auto error = [&](auto action) {
    Session session(model);
    return error_of([&] { action(session); });
  };
  const auto expected =
      ::testing::AllOf(::testing::StartsWith(path + ": the logit of token 100 is "),  // nan or -nan
                       ::testing::EndsWith("nan: the model's weights are damaged"));
  EXPECT_THAT(error([](Session& s) { generate(s, {1, 2}); }), expected);
  EXPECT_THAT(error([](Session& s) {
                generate(s, {1, 2}, {.max_new_tokens = 4, .speculate = 2});
              }),
              expected);
  EXPECT_THAT(error([](Session& s) { score_answers(s, {1, 2}, {"a", "b"}); }), expected);
}

struct Interruption : std::exception {};

TEST(SessionTest, AReadThatWasBrokenOffLeavesNoHalfState) {
  const Model model = reference_model();
  Session session(model);
  session.read_tokens(kPrompt);
  session.set_trace([](const std::string& name, const auto&, const float*) {
    if (name == "layer0.hidden") throw Interruption();
  });
  EXPECT_THROW(session.read_tokens(kPrompt), Interruption);
  session.set_trace(nullptr);
  const auto broken = ::testing::HasSubstr("was broken off");
  EXPECT_THAT(error_of([&] { session.read_tokens(kPrompt); }), broken);
  EXPECT_THAT(error_of([&] { session.step(1); }), broken);
  EXPECT_THAT(error_of([&] { session.logits(); }), broken);
  EXPECT_THAT(error_of([&] { session.position(); }), broken);
  EXPECT_THAT(error_of([&] { session.conv_state(); }), broken);
  EXPECT_THAT(error_of([&] { session.ssm_state(); }), broken);
  EXPECT_GT(session.state_bytes(), 0) << "a size, whatever is in it";
  EXPECT_THAT(error_of([&] { session.fork(); }), broken);
  EXPECT_THAT(error_of([&] { session.save(scratch_folder() / "broken.session"); }), broken);
  EXPECT_THAT(error_of([&] { generate(session, kPrompt); }), broken);
  Session other(model);
  Session* both[] = {&other, &session};
  EXPECT_THAT(error_of([&] { step(both, std::vector<int32_t>{1, 2}); }), broken);
  EXPECT_EQ(other.position(), 0);
}

/// With and without speculation a session has read what was said when the listener threw.
TEST(SessionTest, AListenerThatThrowsLeavesWhatWasSaid) {
  const Model model = reference_model();
  const auto interrupted = [&](int64_t speculate) {
    Session session(model);
    int64_t heard = 0;
    GenerateOptions options{
        .max_new_tokens = 120, .eos_token_id = -1, .vocab_limit = 4, .speculate = speculate};
    options.on_text = [&](std::string_view) { return ++heard < 100 ? true : throw Interruption(); };
    EXPECT_THROW(generate(session, kPrompt, options), Interruption);
    return session;
  };
  const Session plain = interrupted(0), ahead = interrupted(15);
  EXPECT_EQ(plain.position(), std::ssize(kPrompt) + 99);
  EXPECT_EQ(ahead.position(), plain.position());
  EXPECT_EQ(ahead.ssm_state(), plain.ssm_state());
}

TEST(SessionTest, SavedInMidAnswerAndTakenUpAgain) {
  const Model model = reference_model();
  const std::string path = scratch_folder() / "middle.session";
  Session whole(model);
  const std::vector<int32_t> expected =
      generate(whole, kPrompt, {.max_new_tokens = 20, .eos_token_id = -1}).tokens;

  Session first(model);
  GenerateResult begun =
      generate(first, kPrompt, {.max_new_tokens = 8, .eos_token_id = -1}, /*read_last=*/true);
  first.save(path);
  Session second = Session::load(model, path);
  EXPECT_EQ(second.position(), first.position());
  EXPECT_EQ(second.conv_state(), first.conv_state());
  EXPECT_EQ(second.ssm_state(), first.ssm_state());
  EXPECT_EQ(values(second.logits()), values(first.logits()));
  const GenerateResult rest = generate(second, {}, {.max_new_tokens = 12, .eos_token_id = -1});
  begun.tokens.insert(begun.tokens.end(), rest.tokens.begin(), rest.tokens.end());
  EXPECT_EQ(begun.tokens, expected);
}

TEST(SessionTest, AForkGoesItsOwnWay) {
  const Model model = reference_model();
  Session base(model);
  base.read_tokens(kPrompt);
  Session fork = base.fork();
  EXPECT_EQ(values(fork.logits()), values(base.logits()));
  fork.step(7);
  Session other = base.fork();
  other.step(7);
  EXPECT_EQ(values(fork.logits()), values(other.logits()));
  EXPECT_EQ(base.position(), std::ssize(kPrompt));
  EXPECT_NE(fork.ssm_state(), base.ssm_state());
}

TEST(SessionTest, FilesOfOthersAndTornFilesAreRefused) {
  const Model model = reference_model();
  const Model other = reference_model(Runtime(), DType::bf16);
  const std::string path = scratch_folder() / "refused.session";
  Session session(model);
  session.read_tokens(kPrompt);
  session.save(path);
  EXPECT_THAT(error_of([&] { Session::load(other, path); }),
              ::testing::HasSubstr("belongs to another model"));
  const std::string bytes = read_file(path, 1 << 24);
  for (const size_t size : {size_t{0}, size_t{7}, size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(size));
    EXPECT_NE(error_of([&] { Session::load(model, path); }), "") << size << " bytes";
  }
  EXPECT_THAT(error_of([&] { Session::load(model, reference("mamba.safetensors")); }),
              ::testing::HasSubstr("not a cobra session"));
  EXPECT_THAT(error_of([&] { Session::load(model, scratch_folder() / "absent"); }),
              ::testing::HasSubstr("absent"));
}

TEST(SessionTest, FilesOfANewerFormatAreRefused) {
  const Model model = reference_model();
  const std::string path = scratch_folder() / "old.session", newer = scratch_folder() / "newer.session";
  Session(model).save(path);
  const SafetensorsFile file(path);
  std::map<std::string, std::string> metadata = file.metadata();
  metadata["format"] = "cobra-session-2";
  write_safetensors(newer, file.tensors(), metadata);
  EXPECT_EQ(error_of([&] { Session::load(model, newer); }),
            newer + ": session format: expected cobra-session-1, found cobra-session-2");
}

TEST(SessionTest, PositionsOutOfRangeAreRefused) {
  const Model model = reference_model();
  const std::string path = scratch_folder() / "far.session";
  const Session session(model);
  const auto error = [&](int64_t position) {
    const auto vocabulary = static_cast<size_t>(model.config().mamba.vocab_size);
    AtomicFile file(path);
    write_session_file(file, {model.fingerprint(), position, session.conv_state(), session.ssm_state(),
                              std::vector<float>(vocabulary)});
    file.commit();
    return error_of([&] { EXPECT_EQ(Session::load(model, path).position(), position); });
  };
  constexpr int64_t kMost = int64_t{1} << 48;
  EXPECT_EQ(error(kMost), "");
  EXPECT_EQ(
      error(kMost + 1),
      path + ": session position: expected a number from 0 to 281474976710656, found '281474976710657'");
  EXPECT_THAT(error(INT64_MAX), ::testing::HasSubstr("found '9223372036854775807'"));
  EXPECT_THAT(error(-1), ::testing::HasSubstr("found '-1'"));
}

TEST(SessionTest, BadReadsLeaveTheStateAlone) {
  const Model model = reference_model();
  Session session(model);
  EXPECT_THAT(error_of([&] { (void)session.logits(); }), ::testing::HasSubstr("nothing has been read"));
  session.read_tokens(kPrompt);
  const std::vector<float> before = session.ssm_state();
  const int vocabulary = model.config().mamba.vocab_size;
  EXPECT_THAT(error_of([&] {
                session.read_tokens(std::vector<int32_t>{1, 2, vocabulary});
              }),
              ::testing::HasSubstr(fmt::format("token id {}", vocabulary)));
  EXPECT_THAT(error_of([&] { session.step(-1); }), ::testing::HasSubstr("token id -1"));
  EXPECT_THAT(error_of([&] { session.read_tokens(kPrompt, -3); }), ::testing::HasSubstr("chunk"));
  EXPECT_THAT(error_of([&] { session.read_embeddings({nullptr, 3, 5}); }), ::testing::HasSubstr("columns"));
  EXPECT_EQ(session.ssm_state(), before);
}

TEST(ModelTest, AFileOfTowersIsNotAModel) {
  ConvertOptions o;
  o.dino = reference("checkpoint/dino.safetensors");
  o.dims = reference("dims.json");
  o.output = scratch_folder() / "towers.gguf";
  convert(o);
  EXPECT_THAT(error_of([&] { Model::load(o.output, Runtime()); }),
              ::testing::HasSubstr("vision towers only"));
}

TEST(ModelTest, TextToIdsAndBack) {
  InitOptions options;
  options.preset = "tiny";
  options.output = scratch_folder() / "text.gguf";
  init_model(options);
  const Model model = Model::load(options.output, Runtime());
  EXPECT_EQ(model.decode(model.encode("What is it?")), "What is it?");
  const Model mute = reference_model();
  EXPECT_THAT(error_of([&] { mute.encode("What?"); }), ::testing::HasSubstr("no tokenizer"));
  Session session(mute);
  EXPECT_THAT(error_of([&] { score_answers(session, {1}, {"a"}); }),
              ::testing::HasSubstr(reference_gguf() + ": this model has no tokenizer"));
  EXPECT_THAT(error_of([&] { mute.decode(std::vector<int32_t>{1}); }), ::testing::HasSubstr("no tokenizer"));
}

/// Answers are looked up among the logits by their tokens' ids.
TEST(ModelTest, ATokenizerMustFitTheEmbedding) {
  InitOptions options;
  options.preset = "tiny";
  options.output = scratch_folder() / "fits.gguf";
  init_model(options);
  const GgufFile file(options.output);
  const std::string path = scratch_folder() / "more-tokens.gguf";
  GgufWriter writer(path);
  for (auto [key, value] : file.metadata()) {
    if (key == "tokenizer.ggml.tokens") {
      for (int i = 0; i < 20; ++i)
        std::get<std::vector<std::string>>(value).push_back(fmt::format("more{}", i));
    }
    if (key == "tokenizer.ggml.token_type") std::get<std::vector<int64_t>>(value).resize(284, 1);
    writer.set(key, value);
  }
  for (const TensorEntry& tensor : file.tensors()) writer.declare(tensor.name, tensor.type, tensor.shape);
  for (const TensorEntry& tensor : file.tensors()) writer.write_tensor(tensor.bytes);
  writer.finish();
  EXPECT_THAT(error_of([&] { Model::load(path, Runtime()); }),
              ::testing::HasSubstr("embedding has 264 rows"));
}

}  // namespace
}  // namespace cobra::testing
