package trunkline

import (
	"fmt"
	"strings"

	v1 "trunkline.dev/go/trunkline/v1"
)

// Media is what a model is to see, hear or read, or the place where it is.
type Media struct {
	proto *v1.Media
	err   error
}

// Bytes are the bytes of a picture, a recording or a document. The gateway recognises of what type they are, unless Typed
// says so.
func Bytes(data []byte) Media { return Media{proto: &v1.Media{Source: &v1.Media_Data{Data: data}}} }

// URL is an address that the provider can fetch.
func URL(address string) Media {
	media := Media{proto: &v1.Media{Source: &v1.Media_Url{Url: address}}}
	if !strings.Contains(address, "://") {
		media.err = fmt.Errorf("trunkline: %.80q is no address; for a file, give its Bytes", address)
	}
	return media
}

// FileID is a file that was uploaded to the provider.
func FileID(id string) Media { return Media{proto: &v1.Media{Source: &v1.Media_FileId{FileId: id}}} }

// Typed is the same with its media type, for example "image/png".
func (m Media) Typed(mediaType string) Media {
	m.proto = &v1.Media{Source: m.proto.GetSource(), MediaType: mediaType}
	return m
}

// Image shows a picture:
//
//	trunkline.User(trunkline.Text("Whose cat is this?"), trunkline.Image(trunkline.Bytes(png)))
func Image(media Media, options ...ImageOption) Block {
	image := &v1.ImageBlock{Media: media.proto}
	for _, option := range options {
		option(image)
	}
	return Block{&v1.ContentBlock{Kind: &v1.ContentBlock_Image{Image: image}}, media.err}
}

// ImageOption is a detail of Image.
type ImageOption func(*v1.ImageBlock)

// Detail says how closely to look, in the provider's own word, for example "low".
func Detail(word string) ImageOption { return func(image *v1.ImageBlock) { image.Detail = word } }

// Audio plays a recording.
func Audio(media Media) Block {
	return Block{&v1.ContentBlock{Kind: &v1.ContentBlock_Audio{Audio: &v1.AudioBlock{Media: media.proto}}}, media.err}
}

// DocumentSource is what a document is made of: Media, PlainText or Blocks.
type DocumentSource interface{ source(*v1.DocumentBlock) error }

// PlainText is a document that is just text.
type PlainText string

// Blocks is a document made of texts and pictures, which are then what citations point to.
type Blocks []Block

func (m Media) source(document *v1.DocumentBlock) error {
	document.Source = &v1.DocumentBlock_Media{Media: m.proto}
	return m.err
}

func (t PlainText) source(document *v1.DocumentBlock) error {
	document.Source = &v1.DocumentBlock_Text{Text: string(t)}
	return nil
}

func (b Blocks) source(document *v1.DocumentBlock) error {
	blocks, err := protos(b)
	document.Source = &v1.DocumentBlock_Content{Content: &v1.ContentList{Blocks: blocks}}
	return err
}

// Document gives a document to read:
//
//	trunkline.Document(trunkline.Bytes(pdf), trunkline.Title("Annual report"), trunkline.Citations(true))
//	trunkline.Document(trunkline.PlainText("The grass is green."))
func Document(source DocumentSource, options ...DocumentOption) Block {
	document := &v1.DocumentBlock{}
	err := source.source(document)
	for _, option := range options {
		option.document(document)
	}
	return Block{&v1.ContentBlock{Kind: &v1.ContentBlock_Document{Document: document}}, err}
}

// DocumentOption is a detail of Document.
type DocumentOption interface{ document(*v1.DocumentBlock) }

// SearchResultOption is a detail of SearchResult.
type SearchResultOption interface{ searchResult(*v1.SearchResultBlock) }

type documentOption func(*v1.DocumentBlock)

func (o documentOption) document(document *v1.DocumentBlock) { o(document) }

// Title is shown to the model and named in citations.
func Title(title string) DocumentOption {
	return documentOption(func(document *v1.DocumentBlock) { document.Title = &title })
}

// Background is what the model should know about the document, but not cite.
func Background(text string) DocumentOption {
	return documentOption(func(document *v1.DocumentBlock) { document.Context = &text })
}

// Citations says whether the model may cite.
type Citations bool

func (c Citations) document(document *v1.DocumentBlock) { document.CitationsEnabled = (*bool)(&c) }

func (c Citations) searchResult(result *v1.SearchResultBlock) { result.CitationsEnabled = (*bool)(&c) }
