// The image cache: found states are the states that reading gives, bounds hold, damage is mended.
#include "cobra/image_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/reference_model.h"
#include "test_support.h"

namespace cobra::testing {
namespace {

namespace fs = std::filesystem;

Image picture(uint8_t shade) { return {6, 5, std::vector<uint8_t>(6 * 5 * 3, shade)}; }

Session read_plainly(const Model& model, const Image& image) {
  Session session(model);
  session.read_embeddings(model.embed(image).view());
  return session;
}

void expect_same_state(const Session& a, const Session& b) {
  EXPECT_EQ(a.position(), b.position());
  EXPECT_EQ(a.conv_state(), b.conv_state());
  EXPECT_EQ(a.ssm_state(), b.ssm_state());
  EXPECT_TRUE(std::ranges::equal(a.logits(), b.logits()));
}

int64_t entry_bytes(const Model& model) {
  return Session(model).state_bytes() + int64_t{model.config().mamba.vocab_size} * 4;
}

class ImageCacheTest : public ::testing::Test {
 protected:
  const Model model_ = reference_model();
  TemporaryFolder folder_;
  std::string states() const { return folder_.file("seen"); }
  ImageCache in_files(int64_t bytes = int64_t{1} << 30) const {
    return ImageCache(model_, {.folder = states(), .folder_bytes = bytes});
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(states())) found.push_back(entry.path());
    return found;
  }
};

TEST_F(ImageCacheTest, KeepsNothingUnlessAsked) {
  ImageCache cache(model_);
  EXPECT_FALSE(cache.read(picture(10)).cached);
  EXPECT_FALSE(cache.read(picture(10)).cached);
  EXPECT_EQ(cache.memory_bytes(), 0);
}

TEST_F(ImageCacheTest, AFoundStateIsTheOneThatReadingGives) {
  const Session expected = read_plainly(model_, picture(10));
  ImageCache memory(model_, {.memory_bytes = int64_t{1} << 30});
  ImageCache files = in_files();
  for (ImageCache* cache : {&memory, &files}) {
    const PictureState first = cache->read(picture(10));
    EXPECT_FALSE(first.cached);
    const PictureState second = cache->read(picture(10));
    EXPECT_TRUE(second.cached);
    EXPECT_EQ(second.tokens, first.tokens);
    EXPECT_EQ(second.vision_ms, 0);
    expect_same_state(first.session, expected);
    expect_same_state(second.session, expected);
    EXPECT_FALSE(cache->read(picture(11)).cached) << "another picture";
  }
}

TEST_F(ImageCacheTest, AskingGoesOnFromACopy) {
  ImageCache cache(model_, {.memory_bytes = int64_t{1} << 30});
  PictureState first = cache.read(picture(10));
  first.session.step(3);
  PictureState second = cache.read(picture(10));
  second.session.step(4);
  expect_same_state(cache.read(picture(10)).session, read_plainly(model_, picture(10)));
}

TEST_F(ImageCacheTest, TheSamePixelsInAnotherShapeAreAnotherPicture) {
  ImageCache cache = in_files();
  cache.read(picture(10));
  Image turned = picture(10);
  std::swap(turned.width, turned.height);
  EXPECT_FALSE(cache.read(turned).cached);
}

TEST_F(ImageCacheTest, MemoryKeepsWhatWasUsedLast) {
  const int64_t each = entry_bytes(model_);
  ImageCache cache(model_, {.memory_bytes = 2 * each + each / 2});
  cache.read(picture(1));
  cache.read(picture(2));
  EXPECT_TRUE(cache.read(picture(1)).cached);
  cache.read(picture(3));
  EXPECT_EQ(cache.memory_bytes(), 2 * each);
  EXPECT_TRUE(cache.read(picture(1)).cached);
  EXPECT_TRUE(cache.read(picture(3)).cached);
  EXPECT_FALSE(cache.read(picture(2)).cached);
}

TEST_F(ImageCacheTest, AFolderKeepsWhatWasUsedLastAndForeignFiles) {
  in_files().read(picture(1));
  const int64_t each = static_cast<int64_t>(fs::file_size(files()[0]));
  std::ofstream(fs::path(states()) / "letter.txt") << std::string(1000, 'x');
  ImageCache cache = in_files(2 * each + each / 2);
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };  // times must differ
  pause(), cache.read(picture(2));
  pause(), cache.read(picture(1));
  pause(), cache.read(picture(3));
  EXPECT_EQ(files().size(), 3u) << "two states and the letter";
  EXPECT_TRUE(fs::exists(fs::path(states()) / "letter.txt"));
  EXPECT_TRUE(cache.read(picture(1)).cached);
  EXPECT_FALSE(cache.read(picture(2)).cached);
}

TEST_F(ImageCacheTest, ADamagedFileIsReadAnewAndReplaced) {
  in_files().read(picture(1));
  const fs::path file = files().at(0);
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_FALSE(in_files().read(picture(1)).cached);
  const PictureState again = in_files().read(picture(1));
  EXPECT_TRUE(again.cached);
  expect_same_state(again.session, read_plainly(model_, picture(1)));
}

TEST_F(ImageCacheTest, AnotherModelHasStatesOfItsOwn) {
  in_files().read(picture(1));
  const Model other = reference_model(Runtime(), DType::bf16);
  ImageCache cache(other, {.folder = states()});
  EXPECT_FALSE(cache.read(picture(1)).cached);
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(ImageCacheTest, AFileInPlaceOfTheFolderIsNamed) {
  folder_.write("seen", "not a folder");
  EXPECT_THAT(error_of([&] { in_files(); }), ::testing::HasSubstr(states()));
}

}  // namespace
}  // namespace cobra::testing
